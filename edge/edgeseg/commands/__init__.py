"""The verbs of the command `edgeseg`, a file each; what is heavy is loaded when a verb is called."""
