"""Problems of fieldwork, most of them about one item of a batch; codes are stable, titles and details Chinese."""
