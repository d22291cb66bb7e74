"""Settings of the web server: two processes of a few threads; the database pool is per process."""

workers = 2
# The application is loaded once and shared; nothing in it opens a connection before a request comes.
preload_app = True
threads = 8
worker_class = "gthread"
timeout = 60
graceful_timeout = 20
max_requests = 20_000
max_requests_jitter = 2_000
accesslog = None
