"""nginx before a network, as docs/deploy.md has it: one port, TLS, REST and gRPC."""

import contextlib
import shutil
from pathlib import Path

import pytest
from servers.process import ServerProcess, free_port, is_listening, server_folder

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1;
    proxy_temp_path {folder}/2;
    fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4;
    scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        client_max_body_size 0;
        client_body_timeout {idle}s;
        send_timeout {idle}s;
        keepalive_timeout {idle}s;
        grpc_read_timeout {idle}s;
        grpc_send_timeout {idle}s;
        location /fednet.wire. {{
            grpc_pass grpc://127.0.0.1:{combiner};
            grpc_socket_keepalive on;
        }}
        location / {{
            proxy_pass http://127.0.0.1:{controller};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 120s;
        }}
    }}
}}
"""


def nginx_program():
    """Return the file of nginx, which Debian keeps out of the way of users."""
    return shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")


@pytest.fixture
def nginx(paper):
    """Give a function that starts nginx before a controller and a combiner, and returns its port."""
    program = nginx_program()
    if program is None:
        pytest.skip("There is no nginx: apt install nginx-light.")
    with contextlib.ExitStack() as running:

        def start(controller, combiner, idle_seconds=60):
            folder = Path(running.enter_context(server_folder()))
            port = free_port()
            file = folder / "nginx.conf"
            file.write_text(
                CONFIGURATION.format(
                    folder=folder,
                    port=port,
                    certificate=paper.servers.certificate,
                    key=paper.servers.key,
                    controller=controller,
                    combiner=combiner,
                    idle=idle_seconds,
                )
            )
            command = [program, "-c", str(file), "-p", str(folder), "-e", str(folder / "error.log")]
            process = ServerProcess(command, folder, lambda: is_listening(port))
            process.start()
            running.callback(process.stop)
            return port

        yield start
