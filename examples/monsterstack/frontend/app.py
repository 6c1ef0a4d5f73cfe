"""The page of the monster stack: type a name, see its monster.

A picture comes from the image backend the first time and from Redis after that. Settings come from the environment:
  PORT               where to listen (5000)
  IMAGE_BACKEND_URL  where monsters are drawn (http://imagebackend:8080)
  REDIS_HOST, REDIS_PORT  where they are kept (redis, 6379)
  TITLE              heading of the page
  VERSION            shown at the bottom; set when the image is built
"""

import hashlib
import os
import signal
import socket
import sys

import redis
import requests
from flask import Flask, Response, render_template_string, request

PORT = int(os.environ.get("PORT", "5000"))
IMAGE_BACKEND_URL = os.environ.get("IMAGE_BACKEND_URL", "http://imagebackend:8080")
TITLE = os.environ.get("TITLE", "Which monster are you?")
VERSION = os.environ.get("VERSION", "dev")

app = Flask(__name__)
# Kubernetes itself sets REDIS_PORT to tcp://… in pods where a Service of that name exists, so only a number counts.
redis_port = os.environ.get("REDIS_PORT", "6379")
store = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"),
    port=int(redis_port) if redis_port.isdigit() else 6379,
    socket_timeout=2,
    socket_connect_timeout=2,
)

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title>
<style>
  body { font: 18px/1.5 sans-serif; max-width: 32em; margin: 3em auto; text-align: center; color: #222 }
  input { font: inherit; padding: .3em .6em } img { border-radius: 12px; margin: 1em }
  footer { color: #777; font-size: 14px; margin-top: 2em }
</style></head>
<body>
<h1>{{ title }}</h1>
<form method="get"><input name="name" value="{{ name }}" autofocus> <button>Show</button></form>
<p><img src="/monster/{{ name | urlencode }}" alt="the monster of {{ name }}" width="240" height="240"></p>
<p>Visits: <b id="visits">{{ visits }}</b>. Pictures from the cache: <b id="hits">{{ hits }}</b>, newly drawn: <b id="misses">{{ misses }}</b>.</p>
<footer>Served by <span id="host">{{ host }}</span>, version <span id="version">{{ version }}</span></footer>
</body>
</html>
"""


@app.get("/")
def index():
    visits = store.incr("visits")
    hits, misses = (int(count or 0) for count in store.mget("hits", "misses"))
    name = request.args.get("name") or "Ada"
    return render_template_string(
        PAGE, title=TITLE, name=name, visits=visits, hits=hits, misses=misses, host=socket.gethostname(), version=VERSION
    )


@app.get("/monster/<name>")
def monster(name):
    word = hashlib.sha256(name.encode()).hexdigest()
    image = store.get(f"monster:{word}")
    source = "cache"
    if image is None:
        answer = requests.get(f"{IMAGE_BACKEND_URL}/monster/{word}", timeout=5)
        answer.raise_for_status()
        image = answer.content
        source = answer.headers.get("X-Served-By", "backend")
        store.set(f"monster:{word}", image)
        store.incr("misses")
    else:
        store.incr("hits")
    return Response(image, mimetype="image/png", headers={"X-Drawn-By": source, "Cache-Control": "no-store"})


@app.get("/healthz")
def healthz():
    return Response("ok\n", mimetype="text/plain")


@app.errorhandler(redis.exceptions.RedisError)
def without_redis(error):
    return Response(f"Redis does not answer: {error}\n", status=503, mimetype="text/plain")


@app.errorhandler(requests.exceptions.RequestException)
def without_backend(error):
    return Response(f"The image backend does not answer: {error}\n", status=502, mimetype="text/plain")


if __name__ == "__main__":
    # The first process of a container gets no default action for SIGTERM: without this, stopping a pod takes 30 seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    app.run(host="0.0.0.0", port=PORT, threaded=True)
