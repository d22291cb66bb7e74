"""Stand-ins for the vendors' HTTP APIs, the email inbox of a demo, and the rehearsal that uses them.

The HTTP side (`easypost`, `inbox`, `server`) knows nothing of Keydesk or Django: it is a program of its
own that could run on another machine, and Keydesk reaches it only through the vendors' own clients.
"""
