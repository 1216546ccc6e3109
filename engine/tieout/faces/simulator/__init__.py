"""A platform on this machine that speaks the shipped profiles, judges what it gets and can be told to misbehave.

To rehearse with (``tieout platform-sim``) and for the tests; nothing of the product imports it.
"""
