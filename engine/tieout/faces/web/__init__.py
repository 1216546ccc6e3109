"""The workbench: a web page on loopback for clerks and auditors, and the REST API under it. Started by ``tieout serve``.

``app`` puts the parts together; ``guard`` and ``gate`` decide who comes in; ``api`` and the pages ask the same functions.
"""
