"""A process that is confined reaches this machine only. Each way out is tried in one that is: its hook cannot be taken off."""

import json
import socket
import subprocess
import sys

from tests.signoff import REPOSITORY

FROM_HERE = "An eval reaches this machine only, and"
WAYS = {
    "http.client.HTTPConnection('192.0.2.1', 80, timeout=1).request('POST', '/')": f"{FROM_HERE} 192.0.2.1 is",
    "http.client.HTTPConnection('shop.example', 80).request('POST', '/')": f"{FROM_HERE} shop.example is",
    "urllib.request.urlopen('http://shop.example/')": f"{FROM_HERE} shop.example is",
    "asyncio.run(asyncio.open_connection('2001:db8::1', 443))": f"{FROM_HERE} 2001:db8::1 is",
    "datagrams().sendto(b'secret', ('192.0.2.1', 53))": f"{FROM_HERE} 192.0.2.1 is",
    "datagrams().sendmsg([b'secret'], [], 0, ('192.0.2.1', 53))": f"{FROM_HERE} 192.0.2.1 is",
    "socket.gethostbyname('secret.example')": f"{FROM_HERE} secret.example is",
    "subprocess.run(['curl', 'http://shop.example'])": "An eval starts no programs, and 'curl' is",
    "subprocess.run('true; curl http://shop.example', shell=True)": "An eval starts no programs, and '/bin/sh' is",
    "subprocess.run([sys.executable, '-c', 'import urllib'])": "An eval starts no programs",
    "subprocess.run([sys.executable, '-m', 'http.client'])": "An eval starts no programs",
    "subprocess.run(['/tmp/python3', tickets.__file__])": "An eval starts no programs, and '/tmp/python3' is",
    "os.system('true /python3')": "An eval starts no programs, and b'true /python3' is",
    "os.execv('/bin/true', ['true'])": "An eval starts no programs",
    "os.posix_spawn('/bin/true', ['true'], {})": "An eval starts no programs",
}
# What a case needs.
HERE = (
    "socket.create_connection(('127.0.0.1', int(sys.argv[2]))).close()",
    "socket.create_connection(('localhost', int(sys.argv[2]))).close()",
    "subprocess.run([sys.executable, '-I', CHILD], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
    "subprocess.run([sys.executable, tickets.__file__], stdin=subprocess.DEVNULL)",
)
TRIES = """
import asyncio, http.client, json, os, socket, subprocess, sys, urllib.request
from agent.bounded.pool import CHILD
from bot.eval import tickets
from bot.eval.confined import confine

def datagrams():
    return socket.socket(type=socket.SOCK_DGRAM)

confine()
came = {}
for way in json.loads(sys.argv[1]):
    try:
        eval(way)
        came[way] = ""
    except BaseException as error:
        came[way] = f"{type(error).__name__}: {error}"
print(json.dumps(came))
"""


def test_no_way_leads_out_and_what_a_case_needs_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", TRIES, json.dumps([*WAYS, *HERE]), str(server.getsockname()[1])]
        process = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    came: dict[str, str] = json.loads(process.stdout)
    assert {way: words for way, words in came.items() if way in HERE} == dict.fromkeys(HERE, "")
    assert [way for way, words in WAYS.items() if not came[way].startswith(f"NotFromHereError: {words}")] == []
