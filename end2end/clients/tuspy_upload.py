"""Uploads a file with tuspy: upload.py URL FILE RECIPE. Goes on after whatever cuts it; prints the id of the job."""

import sys
import time

import requests
from tusclient import client
from tusclient.exceptions import TusCommunicationError

url, path, recipe = sys.argv[1:]
# Without progress for so long it is given up, seconds.
MOST = 60


def patiently(step):
    """Tries again for a minute from the last time that something arrived."""
    end, reached = time.monotonic() + MOST, uploader.offset
    while True:
        try:
            return step()
        except (TusCommunicationError, requests.RequestException) as error:
            print("again:", error, file=sys.stderr)
            if uploader.offset > reached:
                end, reached = time.monotonic() + MOST, uploader.offset
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


uploader = client.TusClient(url + "/files").uploader(
    path,
    # Pieces with checksums: what nobody could compare is sent again, so they must be small against the cuts.
    chunk_size=1 << 20,
    metadata={"filename": "tuspy.png", "transformation": recipe},
    upload_checksum=True,
)


def go_on():
    if not uploader.url:
        uploader.set_url(uploader.create_url())
    uploader.offset = uploader.get_offset()
    while uploader.offset < uploader.get_file_size():
        uploader.upload_chunk()


patiently(go_on)
head = patiently(lambda: requests.head(uploader.url, headers={"Tus-Resumable": "1.0.0"}, timeout=30))
print(head.headers["Azulejo-Job-Id"])
