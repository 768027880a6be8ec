"""The subcommands of ``spinlab``: one module each, with ``add_parser(subparsers)`` and ``run(args)``."""
