"""tieout: ERP, e-invoice platform and bank tied out to the cent, with proof."""

__version__ = "0.1.0"
__all__ = ["__version__"]
