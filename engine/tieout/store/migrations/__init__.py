"""The steps of the journal's schema, one file a version; run by ``store.schema``."""
