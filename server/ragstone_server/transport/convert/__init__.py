"""Between the wire and the values of `spi`: protobuf stops here."""
