"""What the comparisons beside other programs share: a machine for omg to scan, and a server on loopback."""
import http.server, json, os, subprocess, threading


def machine(folder, advisories):
    """A root below `folder` with nothing installed, where the advisories come from these settings alone."""
    root = os.path.join(folder, "root")
    os.makedirs(os.path.join(root, "etc/omg"))
    os.makedirs(os.path.join(root, "var/lib/dpkg"))
    open(os.path.join(root, "var/lib/dpkg/status"), "w").close()
    with open(os.path.join(root, "etc/omg/config.toml"), "w") as out:
        out.write(f'[advisories]\n{advisories}\nkev = "off"\nepss = "off"\n[news]\nenabled = false\n')
    return root


def scan(omg, root, *arguments):
    """What omg finds there."""
    own = dict(os.environ, OMG_INDEX_DIR=os.path.join(root, "index"))
    subprocess.run([omg, "--root", root, "refresh", "--advisories", "--quiet"], env=own)
    line = [omg, "--root", root, "audit", "scan", "--json", *arguments]
    return json.loads(subprocess.run(line, env=own, stdout=subprocess.PIPE).stdout)


def serve(answer):
    """The address of a server: `answer` has the bytes for those of a question."""

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"
