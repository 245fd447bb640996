"""Several processes of Ragstone over one PostgreSQL and one Kafka, under load and under attack."""
