"""Search for the options of a loss by cross-validation: `detloss tune`."""
