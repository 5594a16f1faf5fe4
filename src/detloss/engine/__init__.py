"""The path from a call to its gradient: argument checks, autograd, dispatch."""
