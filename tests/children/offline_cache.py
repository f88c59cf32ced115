"""Fill the cache of rocrate-validator with pages: CACHE, then pairs of URL and FILE."""

import io
import sys

import requests
import requests_cache
import urllib3
from requests.adapters import BaseAdapter


class Files(BaseAdapter):
    def __init__(self, files):
        super().__init__()
        self.files = files

    def send(self, request, **_):
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        with open(self.files[request.url], "rb") as file:
            response.raw = urllib3.HTTPResponse(
                io.BytesIO(file.read()),
                status=200,
                headers=response.headers,
                preload_content=False,
            )
        return response

    def close(self):
        pass


pages = dict(zip(sys.argv[2::2], sys.argv[3::2]))
session = requests_cache.CachedSession(sys.argv[1], backend="sqlite")
session.mount("https://", Files(pages))
for url in pages:
    session.get(url, headers={"Accept": "application/ld+json, application/json"})
