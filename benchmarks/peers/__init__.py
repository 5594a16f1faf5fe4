"""What the library is measured against, written anew from the published mathematics in the manner of each project."""
