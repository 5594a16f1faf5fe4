"""The command line: which loss is best on my data?"""
