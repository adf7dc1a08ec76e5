exec docker-entrypoint.sh valkey-server - <<END
requirepass $$VALKEY_PASSWORD
appendonly yes
maxmemory 256mb
maxmemory-policy volatile-lru
END
