"""The regression experiment of the DIoU paper: boxes from all around a target go down the gradient of a loss."""
