"""`python -m memory_client`."""

from memory_client.main import main

main()
