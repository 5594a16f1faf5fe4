"""The regression experiment of the DIoU paper: boxes around a target follow the gradient of a loss."""
