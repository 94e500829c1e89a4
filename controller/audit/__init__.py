"""The audit log: who has changed what, from where, and with which outcome; append-only and chained by hashes."""
