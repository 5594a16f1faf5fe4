"""Battery: difficult inputs of every loss, with exact results and error bounds."""
