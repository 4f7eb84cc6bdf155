#!/bin/sh
# Waits until PostgreSQL and Redis accept connections, then brings the schema up to date.
# The wait is here and not in Compose's health checks, whose interval would be added to every start.
until python -c "
import socket
for address in (('postgres', 5432), ('redis', 6379)):
    socket.create_connection(address, timeout=2).close()
" 2>/dev/null; do
    sleep 0.2
done
exec prefect server database upgrade -y
