"""The steps of a deployment, in order, and the project folder that carries the state between them."""
