"""A workspace: the folder with ``tieout.yaml``, its settings, catalogue, sources and places."""

from tieout.workspace.home import Home, Link, Workspace
from tieout.workspace.opening import open_home, open_workspace
from tieout.workspace.secrets import filled

__all__ = ["Home", "Link", "Workspace", "filled", "open_home", "open_workspace"]
