"""The parent flow: a list of steps, each sent to the environment of the site it runs at."""
