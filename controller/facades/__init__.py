"""Other people's REST APIs: each façade alone knows its vocabulary, and translates it to the API's own views."""
