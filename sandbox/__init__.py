"""Stand-ins for the vendors over HTTP, the mail inbox of a demo, and the rehearsal that drives them.

The HTTP side (`easypost`, `inbox`, `server`) knows nothing of Keydesk or Django: it is a program of its
own that could run on another machine, and Keydesk reaches it only through the vendors' own clients.
"""
