CREATE TABLE _schema (
    version integer NOT NULL
);
CREATE TABLE attributes (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    sender__client_id text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE attributes__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE attributes__sequence_seq OWNED BY attributes._sequence;
CREATE TABLE clients (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    combiner text COLLATE pg_catalog."C",
    combiner_preferred text COLLATE pg_catalog."C",
    ip text COLLATE pg_catalog."C",
    status text COLLATE pg_catalog."C",
    updated_at text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE clients__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE clients__sequence_seq OWNED BY clients._sequence;
CREATE TABLE combiners (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    ip text COLLATE pg_catalog."C",
    updated_at text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE combiners__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE combiners__sequence_seq OWNED BY combiners._sequence;
CREATE TABLE drafts (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE drafts__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE drafts__sequence_seq OWNED BY drafts._sequence;
CREATE TABLE metrics (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    model_id text COLLATE pg_catalog."C",
    round_id text COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE metrics__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE metrics__sequence_seq OWNED BY metrics._sequence;
CREATE TABLE models (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    model text COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    parent_model text COLLATE pg_catalog."C",
    committed_at text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE models__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE models__sequence_seq OWNED BY models._sequence;
CREATE TABLE network (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE network__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE network__sequence_seq OWNED BY network._sequence;
CREATE TABLE packages (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    helper text COLLATE pg_catalog."C",
    committed_at text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE packages__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE packages__sequence_seq OWNED BY packages._sequence;
CREATE TABLE predictions (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    model_id text COLLATE pg_catalog."C",
    correlation_id text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    receiver__name text COLLATE pg_catalog."C",
    receiver__role text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE predictions__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE predictions__sequence_seq OWNED BY predictions._sequence;
CREATE TABLE revocations (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE revocations__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE revocations__sequence_seq OWNED BY revocations._sequence;
CREATE TABLE rounds (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    round_id text COLLATE pg_catalog."C",
    status text COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    number text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE rounds__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rounds__sequence_seq OWNED BY rounds._sequence;
CREATE TABLE sessions (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    status text COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    committed_at text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE sessions__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE sessions__sequence_seq OWNED BY sessions._sequence;
CREATE TABLE statuses (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    type text COLLATE pg_catalog."C",
    log_level text COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    correlation_id text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE statuses__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE statuses__sequence_seq OWNED BY statuses._sequence;
CREATE TABLE telemetries (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    sender__client_id text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE telemetries__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE telemetries__sequence_seq OWNED BY telemetries._sequence;
CREATE TABLE validations (
    _sequence bigint NOT NULL,
    version integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    model_id text COLLATE pg_catalog."C",
    correlation_id text COLLATE pg_catalog."C",
    sender__name text COLLATE pg_catalog."C",
    sender__role text COLLATE pg_catalog."C",
    receiver__name text COLLATE pg_catalog."C",
    receiver__role text COLLATE pg_catalog."C",
    "timestamp" text COLLATE pg_catalog."C",
    _body text NOT NULL
);
CREATE SEQUENCE validations__sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE validations__sequence_seq OWNED BY validations._sequence;
ALTER TABLE ONLY attributes ALTER COLUMN _sequence SET DEFAULT nextval('attributes__sequence_seq'::regclass);
ALTER TABLE ONLY clients ALTER COLUMN _sequence SET DEFAULT nextval('clients__sequence_seq'::regclass);
ALTER TABLE ONLY combiners ALTER COLUMN _sequence SET DEFAULT nextval('combiners__sequence_seq'::regclass);
ALTER TABLE ONLY drafts ALTER COLUMN _sequence SET DEFAULT nextval('drafts__sequence_seq'::regclass);
ALTER TABLE ONLY metrics ALTER COLUMN _sequence SET DEFAULT nextval('metrics__sequence_seq'::regclass);
ALTER TABLE ONLY models ALTER COLUMN _sequence SET DEFAULT nextval('models__sequence_seq'::regclass);
ALTER TABLE ONLY network ALTER COLUMN _sequence SET DEFAULT nextval('network__sequence_seq'::regclass);
ALTER TABLE ONLY packages ALTER COLUMN _sequence SET DEFAULT nextval('packages__sequence_seq'::regclass);
ALTER TABLE ONLY predictions ALTER COLUMN _sequence SET DEFAULT nextval('predictions__sequence_seq'::regclass);
ALTER TABLE ONLY revocations ALTER COLUMN _sequence SET DEFAULT nextval('revocations__sequence_seq'::regclass);
ALTER TABLE ONLY rounds ALTER COLUMN _sequence SET DEFAULT nextval('rounds__sequence_seq'::regclass);
ALTER TABLE ONLY sessions ALTER COLUMN _sequence SET DEFAULT nextval('sessions__sequence_seq'::regclass);
ALTER TABLE ONLY statuses ALTER COLUMN _sequence SET DEFAULT nextval('statuses__sequence_seq'::regclass);
ALTER TABLE ONLY telemetries ALTER COLUMN _sequence SET DEFAULT nextval('telemetries__sequence_seq'::regclass);
ALTER TABLE ONLY validations ALTER COLUMN _sequence SET DEFAULT nextval('validations__sequence_seq'::regclass);
INSERT INTO _schema VALUES (1);
INSERT INTO attributes VALUES (1, 1, 'attributes-1', 'key of attributes', 'sender.name of attributes', 'sender.role of attributes', 'sender.client_id of attributes', 'timestamp of attributes', '{"id":"attributes-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of attributes","sender":{"name":"sender.name of attributes","role":"sender.role of attributes","client_id":"sender.client_id of attributes"},"timestamp":"timestamp of attributes","version":1}');
INSERT INTO attributes VALUES (2, 1, 'attributes-2', NULL, NULL, NULL, NULL, NULL, '{"id":"attributes-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"sender":{"name":null,"role":null,"client_id":null},"timestamp":null,"version":1}');
INSERT INTO clients VALUES (1, 1, 'clients-1', 'name of clients', 'combiner of clients', 'combiner_preferred of clients', 'ip of clients', 'status of clients', 'updated_at of clients', '{"id":"clients-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of clients","combiner":"combiner of clients","combiner_preferred":"combiner_preferred of clients","ip":"ip of clients","status":"status of clients","updated_at":"updated_at of clients","version":1}');
INSERT INTO clients VALUES (2, 1, 'clients-2', NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"clients-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"combiner":null,"combiner_preferred":null,"ip":null,"status":null,"updated_at":null,"version":1}');
INSERT INTO combiners VALUES (1, 1, 'combiners-1', 'name of combiners', 'address of combiners', 'ip of combiners', 'updated_at of combiners', '{"id":"combiners-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of combiners","address":"address of combiners","ip":"ip of combiners","updated_at":"updated_at of combiners","version":1}');
INSERT INTO combiners VALUES (2, 1, 'combiners-2', NULL, NULL, NULL, NULL, '{"id":"combiners-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"address":null,"ip":null,"updated_at":null,"version":1}');
INSERT INTO drafts VALUES (1, 1, 'drafts-1', '{"id":"drafts-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO drafts VALUES (2, 1, 'drafts-2', '{"id":"drafts-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO metrics VALUES (1, 1, 'metrics-1', 'key of metrics', 'model_id of metrics', 'round_id of metrics', 'session_id of metrics', 'sender.name of metrics', 'sender.role of metrics', 'timestamp of metrics', '{"id":"metrics-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of metrics","model_id":"model_id of metrics","round_id":"round_id of metrics","session_id":"session_id of metrics","sender":{"name":"sender.name of metrics","role":"sender.role of metrics"},"timestamp":"timestamp of metrics","version":1}');
INSERT INTO metrics VALUES (2, 1, 'metrics-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"metrics-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"model_id":null,"round_id":null,"session_id":null,"sender":{"name":null,"role":null},"timestamp":null,"version":1}');
INSERT INTO models VALUES (1, 1, 'models-1', 'model of models', 'session_id of models', 'parent_model of models', 'committed_at of models', '{"id":"models-1","note":"\u00e9 \ud83e\udd16 \u0000","model":"model of models","session_id":"session_id of models","parent_model":"parent_model of models","committed_at":"committed_at of models","version":1}');
INSERT INTO models VALUES (2, 1, 'models-2', NULL, NULL, NULL, NULL, '{"id":"models-2","note":"\u00e9 \ud83e\udd16 \u0000","model":null,"session_id":null,"parent_model":null,"committed_at":null,"version":1}');
INSERT INTO network VALUES (1, 1, 'network-1', '{"id":"network-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO network VALUES (2, 1, 'network-2', '{"id":"network-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO packages VALUES (1, 1, 'packages-1', 'name of packages', 'helper of packages', 'committed_at of packages', '{"id":"packages-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of packages","helper":"helper of packages","committed_at":"committed_at of packages","version":1}');
INSERT INTO packages VALUES (2, 1, 'packages-2', NULL, NULL, NULL, '{"id":"packages-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"helper":null,"committed_at":null,"version":1}');
INSERT INTO predictions VALUES (1, 1, 'predictions-1', 'model_id of predictions', 'correlation_id of predictions', 'sender.name of predictions', 'sender.role of predictions', 'receiver.name of predictions', 'receiver.role of predictions', 'timestamp of predictions', '{"id":"predictions-1","note":"\u00e9 \ud83e\udd16 \u0000","model_id":"model_id of predictions","correlation_id":"correlation_id of predictions","sender":{"name":"sender.name of predictions","role":"sender.role of predictions"},"receiver":{"name":"receiver.name of predictions","role":"receiver.role of predictions"},"timestamp":"timestamp of predictions","version":1}');
INSERT INTO predictions VALUES (2, 1, 'predictions-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"predictions-2","note":"\u00e9 \ud83e\udd16 \u0000","model_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"receiver":{"name":null,"role":null},"timestamp":null,"version":1}');
INSERT INTO revocations VALUES (1, 1, 'revocations-1', '{"id":"revocations-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO revocations VALUES (2, 1, 'revocations-2', '{"id":"revocations-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO rounds VALUES (1, 1, 'rounds-1', 'round_id of rounds', 'status of rounds', 'session_id of rounds', 'number of rounds', '{"id":"rounds-1","note":"\u00e9 \ud83e\udd16 \u0000","round_id":"round_id of rounds","status":"status of rounds","session_id":"session_id of rounds","number":"number of rounds","version":1}');
INSERT INTO rounds VALUES (2, 1, 'rounds-2', NULL, NULL, NULL, NULL, '{"id":"rounds-2","note":"\u00e9 \ud83e\udd16 \u0000","round_id":null,"status":null,"session_id":null,"number":null,"version":1}');
INSERT INTO sessions VALUES (1, 1, 'sessions-1', 'session_id of sessions', 'status of sessions', 'name of sessions', 'committed_at of sessions', '{"id":"sessions-1","note":"\u00e9 \ud83e\udd16 \u0000","session_id":"session_id of sessions","status":"status of sessions","name":"name of sessions","committed_at":"committed_at of sessions","version":1}');
INSERT INTO sessions VALUES (2, 1, 'sessions-2', NULL, NULL, NULL, NULL, '{"id":"sessions-2","note":"\u00e9 \ud83e\udd16 \u0000","session_id":null,"status":null,"name":null,"committed_at":null,"version":1}');
INSERT INTO statuses VALUES (1, 1, 'statuses-1', 'type of statuses', 'log_level of statuses', 'session_id of statuses', 'correlation_id of statuses', 'sender.name of statuses', 'sender.role of statuses', 'timestamp of statuses', '{"id":"statuses-1","note":"\u00e9 \ud83e\udd16 \u0000","type":"type of statuses","log_level":"log_level of statuses","session_id":"session_id of statuses","correlation_id":"correlation_id of statuses","sender":{"name":"sender.name of statuses","role":"sender.role of statuses"},"timestamp":"timestamp of statuses","version":1}');
INSERT INTO statuses VALUES (2, 1, 'statuses-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"statuses-2","note":"\u00e9 \ud83e\udd16 \u0000","type":null,"log_level":null,"session_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"timestamp":null,"version":1}');
INSERT INTO telemetries VALUES (1, 1, 'telemetries-1', 'key of telemetries', 'sender.name of telemetries', 'sender.role of telemetries', 'sender.client_id of telemetries', 'timestamp of telemetries', '{"id":"telemetries-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of telemetries","sender":{"name":"sender.name of telemetries","role":"sender.role of telemetries","client_id":"sender.client_id of telemetries"},"timestamp":"timestamp of telemetries","version":1}');
INSERT INTO telemetries VALUES (2, 1, 'telemetries-2', NULL, NULL, NULL, NULL, NULL, '{"id":"telemetries-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"sender":{"name":null,"role":null,"client_id":null},"timestamp":null,"version":1}');
INSERT INTO validations VALUES (1, 1, 'validations-1', 'session_id of validations', 'model_id of validations', 'correlation_id of validations', 'sender.name of validations', 'sender.role of validations', 'receiver.name of validations', 'receiver.role of validations', 'timestamp of validations', '{"id":"validations-1","note":"\u00e9 \ud83e\udd16 \u0000","session_id":"session_id of validations","model_id":"model_id of validations","correlation_id":"correlation_id of validations","sender":{"name":"sender.name of validations","role":"sender.role of validations"},"receiver":{"name":"receiver.name of validations","role":"receiver.role of validations"},"timestamp":"timestamp of validations","version":1}');
INSERT INTO validations VALUES (2, 1, 'validations-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"validations-2","note":"\u00e9 \ud83e\udd16 \u0000","session_id":null,"model_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"receiver":{"name":null,"role":null},"timestamp":null,"version":1}');
SELECT pg_catalog.setval('attributes__sequence_seq', 2, true);
SELECT pg_catalog.setval('clients__sequence_seq', 2, true);
SELECT pg_catalog.setval('combiners__sequence_seq', 2, true);
SELECT pg_catalog.setval('drafts__sequence_seq', 2, true);
SELECT pg_catalog.setval('metrics__sequence_seq', 2, true);
SELECT pg_catalog.setval('models__sequence_seq', 2, true);
SELECT pg_catalog.setval('network__sequence_seq', 2, true);
SELECT pg_catalog.setval('packages__sequence_seq', 2, true);
SELECT pg_catalog.setval('predictions__sequence_seq', 2, true);
SELECT pg_catalog.setval('revocations__sequence_seq', 2, true);
SELECT pg_catalog.setval('rounds__sequence_seq', 2, true);
SELECT pg_catalog.setval('sessions__sequence_seq', 2, true);
SELECT pg_catalog.setval('statuses__sequence_seq', 2, true);
SELECT pg_catalog.setval('telemetries__sequence_seq', 2, true);
SELECT pg_catalog.setval('validations__sequence_seq', 2, true);
ALTER TABLE ONLY attributes
    ADD CONSTRAINT attributes_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY combiners
    ADD CONSTRAINT combiners_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY models
    ADD CONSTRAINT models_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY network
    ADD CONSTRAINT network_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY packages
    ADD CONSTRAINT packages_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY predictions
    ADD CONSTRAINT predictions_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY rounds
    ADD CONSTRAINT rounds_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY statuses
    ADD CONSTRAINT statuses_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY telemetries
    ADD CONSTRAINT telemetries_pkey PRIMARY KEY (_sequence);
ALTER TABLE ONLY validations
    ADD CONSTRAINT validations_pkey PRIMARY KEY (_sequence);
CREATE UNIQUE INDEX ix_attributes_id ON attributes USING btree (id NULLS FIRST);
CREATE INDEX ix_attributes_key ON attributes USING btree (key NULLS FIRST, _sequence);
CREATE INDEX ix_attributes_sender__client_id ON attributes USING btree (sender__client_id NULLS FIRST, _sequence);
CREATE INDEX ix_attributes_sender__name ON attributes USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_attributes_sender__role ON attributes USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_attributes_timestamp ON attributes USING btree ("timestamp" NULLS FIRST, _sequence);
CREATE INDEX ix_clients_combiner ON clients USING btree (combiner NULLS FIRST, _sequence);
CREATE INDEX ix_clients_combiner_preferred ON clients USING btree (combiner_preferred NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_clients_id ON clients USING btree (id NULLS FIRST);
CREATE INDEX ix_clients_ip ON clients USING btree (ip NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_clients_name ON clients USING btree (name NULLS FIRST);
CREATE INDEX ix_clients_status ON clients USING btree (status NULLS FIRST, _sequence);
CREATE INDEX ix_clients_updated_at ON clients USING btree (updated_at NULLS FIRST, _sequence);
CREATE INDEX ix_combiners_address ON combiners USING btree (address NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_combiners_id ON combiners USING btree (id NULLS FIRST);
CREATE INDEX ix_combiners_ip ON combiners USING btree (ip NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_combiners_name ON combiners USING btree (name NULLS FIRST);
CREATE INDEX ix_combiners_updated_at ON combiners USING btree (updated_at NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_drafts_id ON drafts USING btree (id NULLS FIRST);
CREATE UNIQUE INDEX ix_metrics_id ON metrics USING btree (id NULLS FIRST);
CREATE INDEX ix_metrics_key ON metrics USING btree (key NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_model_id ON metrics USING btree (model_id NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_round_id ON metrics USING btree (round_id NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_sender__name ON metrics USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_sender__role ON metrics USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_session_id ON metrics USING btree (session_id NULLS FIRST, _sequence);
CREATE INDEX ix_metrics_timestamp ON metrics USING btree ("timestamp" NULLS FIRST, _sequence);
CREATE INDEX ix_models_committed_at ON models USING btree (committed_at NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_models_id ON models USING btree (id NULLS FIRST);
CREATE UNIQUE INDEX ix_models_model ON models USING btree (model NULLS FIRST);
CREATE INDEX ix_models_parent_model ON models USING btree (parent_model NULLS FIRST, _sequence);
CREATE INDEX ix_models_session_id ON models USING btree (session_id NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_network_id ON network USING btree (id NULLS FIRST);
CREATE INDEX ix_packages_committed_at ON packages USING btree (committed_at NULLS FIRST, _sequence);
CREATE INDEX ix_packages_helper ON packages USING btree (helper NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_packages_id ON packages USING btree (id NULLS FIRST);
CREATE INDEX ix_packages_name ON packages USING btree (name NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_correlation_id ON predictions USING btree (correlation_id NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_predictions_id ON predictions USING btree (id NULLS FIRST);
CREATE INDEX ix_predictions_model_id ON predictions USING btree (model_id NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_receiver__name ON predictions USING btree (receiver__name NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_receiver__role ON predictions USING btree (receiver__role NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_sender__name ON predictions USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_sender__role ON predictions USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_predictions_timestamp ON predictions USING btree ("timestamp" NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_revocations_id ON revocations USING btree (id NULLS FIRST);
CREATE UNIQUE INDEX ix_rounds_id ON rounds USING btree (id NULLS FIRST);
CREATE INDEX ix_rounds_number ON rounds USING btree (number NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_rounds_round_id ON rounds USING btree (round_id NULLS FIRST);
CREATE INDEX ix_rounds_session_id ON rounds USING btree (session_id NULLS FIRST, _sequence);
CREATE INDEX ix_rounds_status ON rounds USING btree (status NULLS FIRST, _sequence);
CREATE INDEX ix_sessions_committed_at ON sessions USING btree (committed_at NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_sessions_id ON sessions USING btree (id NULLS FIRST);
CREATE INDEX ix_sessions_name ON sessions USING btree (name NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_sessions_session_id ON sessions USING btree (session_id NULLS FIRST);
CREATE INDEX ix_sessions_status ON sessions USING btree (status NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_correlation_id ON statuses USING btree (correlation_id NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_statuses_id ON statuses USING btree (id NULLS FIRST);
CREATE INDEX ix_statuses_log_level ON statuses USING btree (log_level NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_sender__name ON statuses USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_sender__role ON statuses USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_session_id ON statuses USING btree (session_id NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_timestamp ON statuses USING btree ("timestamp" NULLS FIRST, _sequence);
CREATE INDEX ix_statuses_type ON statuses USING btree (type NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_telemetries_id ON telemetries USING btree (id NULLS FIRST);
CREATE INDEX ix_telemetries_key ON telemetries USING btree (key NULLS FIRST, _sequence);
CREATE INDEX ix_telemetries_sender__client_id ON telemetries USING btree (sender__client_id NULLS FIRST, _sequence);
CREATE INDEX ix_telemetries_sender__name ON telemetries USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_telemetries_sender__role ON telemetries USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_telemetries_timestamp ON telemetries USING btree ("timestamp" NULLS FIRST, _sequence);
CREATE INDEX ix_validations_correlation_id ON validations USING btree (correlation_id NULLS FIRST, _sequence);
CREATE UNIQUE INDEX ix_validations_id ON validations USING btree (id NULLS FIRST);
CREATE INDEX ix_validations_model_id ON validations USING btree (model_id NULLS FIRST, _sequence);
CREATE INDEX ix_validations_receiver__name ON validations USING btree (receiver__name NULLS FIRST, _sequence);
CREATE INDEX ix_validations_receiver__role ON validations USING btree (receiver__role NULLS FIRST, _sequence);
CREATE INDEX ix_validations_sender__name ON validations USING btree (sender__name NULLS FIRST, _sequence);
CREATE INDEX ix_validations_sender__role ON validations USING btree (sender__role NULLS FIRST, _sequence);
CREATE INDEX ix_validations_session_id ON validations USING btree (session_id NULLS FIRST, _sequence);
CREATE INDEX ix_validations_timestamp ON validations USING btree ("timestamp" NULLS FIRST, _sequence);
