BEGIN TRANSACTION;
CREATE TABLE _schema (
	version INTEGER NOT NULL
);
INSERT INTO "_schema" VALUES(1);
CREATE TABLE attributes (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	"key" TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	sender__client_id TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "attributes" VALUES(1,1,'attributes-1','key of attributes','sender.name of attributes','sender.role of attributes','sender.client_id of attributes','timestamp of attributes','{"id":"attributes-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of attributes","sender":{"name":"sender.name of attributes","role":"sender.role of attributes","client_id":"sender.client_id of attributes"},"timestamp":"timestamp of attributes","version":1}');
INSERT INTO "attributes" VALUES(2,1,'attributes-2',NULL,NULL,NULL,NULL,NULL,'{"id":"attributes-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"sender":{"name":null,"role":null,"client_id":null},"timestamp":null,"version":1}');
CREATE TABLE clients (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT, 
	combiner TEXT, 
	combiner_preferred TEXT, 
	ip TEXT, 
	status TEXT, 
	updated_at TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "clients" VALUES(1,1,'clients-1','name of clients','combiner of clients','combiner_preferred of clients','ip of clients','status of clients','updated_at of clients','{"id":"clients-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of clients","combiner":"combiner of clients","combiner_preferred":"combiner_preferred of clients","ip":"ip of clients","status":"status of clients","updated_at":"updated_at of clients","version":1}');
INSERT INTO "clients" VALUES(2,1,'clients-2',NULL,NULL,NULL,NULL,NULL,NULL,'{"id":"clients-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"combiner":null,"combiner_preferred":null,"ip":null,"status":null,"updated_at":null,"version":1}');
CREATE TABLE combiners (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT, 
	address TEXT, 
	ip TEXT, 
	updated_at TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "combiners" VALUES(1,1,'combiners-1','name of combiners','address of combiners','ip of combiners','updated_at of combiners','{"id":"combiners-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of combiners","address":"address of combiners","ip":"ip of combiners","updated_at":"updated_at of combiners","version":1}');
INSERT INTO "combiners" VALUES(2,1,'combiners-2',NULL,NULL,NULL,NULL,'{"id":"combiners-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"address":null,"ip":null,"updated_at":null,"version":1}');
CREATE TABLE drafts (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "drafts" VALUES(1,1,'drafts-1','{"id":"drafts-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO "drafts" VALUES(2,1,'drafts-2','{"id":"drafts-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
CREATE TABLE metrics (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	"key" TEXT, 
	model_id TEXT, 
	round_id TEXT, 
	session_id TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "metrics" VALUES(1,1,'metrics-1','key of metrics','model_id of metrics','round_id of metrics','session_id of metrics','sender.name of metrics','sender.role of metrics','timestamp of metrics','{"id":"metrics-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of metrics","model_id":"model_id of metrics","round_id":"round_id of metrics","session_id":"session_id of metrics","sender":{"name":"sender.name of metrics","role":"sender.role of metrics"},"timestamp":"timestamp of metrics","version":1}');
INSERT INTO "metrics" VALUES(2,1,'metrics-2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"id":"metrics-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"model_id":null,"round_id":null,"session_id":null,"sender":{"name":null,"role":null},"timestamp":null,"version":1}');
CREATE TABLE models (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	model TEXT, 
	session_id TEXT, 
	parent_model TEXT, 
	committed_at TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "models" VALUES(1,1,'models-1','model of models','session_id of models','parent_model of models','committed_at of models','{"id":"models-1","note":"\u00e9 \ud83e\udd16 \u0000","model":"model of models","session_id":"session_id of models","parent_model":"parent_model of models","committed_at":"committed_at of models","version":1}');
INSERT INTO "models" VALUES(2,1,'models-2',NULL,NULL,NULL,NULL,'{"id":"models-2","note":"\u00e9 \ud83e\udd16 \u0000","model":null,"session_id":null,"parent_model":null,"committed_at":null,"version":1}');
CREATE TABLE network (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "network" VALUES(1,1,'network-1','{"id":"network-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO "network" VALUES(2,1,'network-2','{"id":"network-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
CREATE TABLE packages (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT, 
	helper TEXT, 
	committed_at TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "packages" VALUES(1,1,'packages-1','name of packages','helper of packages','committed_at of packages','{"id":"packages-1","note":"\u00e9 \ud83e\udd16 \u0000","name":"name of packages","helper":"helper of packages","committed_at":"committed_at of packages","version":1}');
INSERT INTO "packages" VALUES(2,1,'packages-2',NULL,NULL,NULL,'{"id":"packages-2","note":"\u00e9 \ud83e\udd16 \u0000","name":null,"helper":null,"committed_at":null,"version":1}');
CREATE TABLE predictions (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	model_id TEXT, 
	correlation_id TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	receiver__name TEXT, 
	receiver__role TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "predictions" VALUES(1,1,'predictions-1','model_id of predictions','correlation_id of predictions','sender.name of predictions','sender.role of predictions','receiver.name of predictions','receiver.role of predictions','timestamp of predictions','{"id":"predictions-1","note":"\u00e9 \ud83e\udd16 \u0000","model_id":"model_id of predictions","correlation_id":"correlation_id of predictions","sender":{"name":"sender.name of predictions","role":"sender.role of predictions"},"receiver":{"name":"receiver.name of predictions","role":"receiver.role of predictions"},"timestamp":"timestamp of predictions","version":1}');
INSERT INTO "predictions" VALUES(2,1,'predictions-2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"id":"predictions-2","note":"\u00e9 \ud83e\udd16 \u0000","model_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"receiver":{"name":null,"role":null},"timestamp":null,"version":1}');
CREATE TABLE revocations (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "revocations" VALUES(1,1,'revocations-1','{"id":"revocations-1","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
INSERT INTO "revocations" VALUES(2,1,'revocations-2','{"id":"revocations-2","note":"\u00e9 \ud83e\udd16 \u0000","version":1}');
CREATE TABLE rounds (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	round_id TEXT, 
	status TEXT, 
	session_id TEXT, 
	number TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "rounds" VALUES(1,1,'rounds-1','round_id of rounds','status of rounds','session_id of rounds','number of rounds','{"id":"rounds-1","note":"\u00e9 \ud83e\udd16 \u0000","round_id":"round_id of rounds","status":"status of rounds","session_id":"session_id of rounds","number":"number of rounds","version":1}');
INSERT INTO "rounds" VALUES(2,1,'rounds-2',NULL,NULL,NULL,NULL,'{"id":"rounds-2","note":"\u00e9 \ud83e\udd16 \u0000","round_id":null,"status":null,"session_id":null,"number":null,"version":1}');
CREATE TABLE sessions (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	session_id TEXT, 
	status TEXT, 
	name TEXT, 
	committed_at TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "sessions" VALUES(1,1,'sessions-1','session_id of sessions','status of sessions','name of sessions','committed_at of sessions','{"id":"sessions-1","note":"\u00e9 \ud83e\udd16 \u0000","session_id":"session_id of sessions","status":"status of sessions","name":"name of sessions","committed_at":"committed_at of sessions","version":1}');
INSERT INTO "sessions" VALUES(2,1,'sessions-2',NULL,NULL,NULL,NULL,'{"id":"sessions-2","note":"\u00e9 \ud83e\udd16 \u0000","session_id":null,"status":null,"name":null,"committed_at":null,"version":1}');
CREATE TABLE statuses (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	type TEXT, 
	log_level TEXT, 
	session_id TEXT, 
	correlation_id TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "statuses" VALUES(1,1,'statuses-1','type of statuses','log_level of statuses','session_id of statuses','correlation_id of statuses','sender.name of statuses','sender.role of statuses','timestamp of statuses','{"id":"statuses-1","note":"\u00e9 \ud83e\udd16 \u0000","type":"type of statuses","log_level":"log_level of statuses","session_id":"session_id of statuses","correlation_id":"correlation_id of statuses","sender":{"name":"sender.name of statuses","role":"sender.role of statuses"},"timestamp":"timestamp of statuses","version":1}');
INSERT INTO "statuses" VALUES(2,1,'statuses-2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"id":"statuses-2","note":"\u00e9 \ud83e\udd16 \u0000","type":null,"log_level":null,"session_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"timestamp":null,"version":1}');
CREATE TABLE telemetries (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	"key" TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	sender__client_id TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "telemetries" VALUES(1,1,'telemetries-1','key of telemetries','sender.name of telemetries','sender.role of telemetries','sender.client_id of telemetries','timestamp of telemetries','{"id":"telemetries-1","note":"\u00e9 \ud83e\udd16 \u0000","key":"key of telemetries","sender":{"name":"sender.name of telemetries","role":"sender.role of telemetries","client_id":"sender.client_id of telemetries"},"timestamp":"timestamp of telemetries","version":1}');
INSERT INTO "telemetries" VALUES(2,1,'telemetries-2',NULL,NULL,NULL,NULL,NULL,'{"id":"telemetries-2","note":"\u00e9 \ud83e\udd16 \u0000","key":null,"sender":{"name":null,"role":null,"client_id":null},"timestamp":null,"version":1}');
CREATE TABLE validations (
	_sequence INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	session_id TEXT, 
	model_id TEXT, 
	correlation_id TEXT, 
	sender__name TEXT, 
	sender__role TEXT, 
	receiver__name TEXT, 
	receiver__role TEXT, 
	timestamp TEXT, 
	_body TEXT NOT NULL, 
	PRIMARY KEY (_sequence)
);
INSERT INTO "validations" VALUES(1,1,'validations-1','session_id of validations','model_id of validations','correlation_id of validations','sender.name of validations','sender.role of validations','receiver.name of validations','receiver.role of validations','timestamp of validations','{"id":"validations-1","note":"\u00e9 \ud83e\udd16 \u0000","session_id":"session_id of validations","model_id":"model_id of validations","correlation_id":"correlation_id of validations","sender":{"name":"sender.name of validations","role":"sender.role of validations"},"receiver":{"name":"receiver.name of validations","role":"receiver.role of validations"},"timestamp":"timestamp of validations","version":1}');
INSERT INTO "validations" VALUES(2,1,'validations-2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"id":"validations-2","note":"\u00e9 \ud83e\udd16 \u0000","session_id":null,"model_id":null,"correlation_id":null,"sender":{"name":null,"role":null},"receiver":{"name":null,"role":null},"timestamp":null,"version":1}');
CREATE UNIQUE INDEX ix_sessions_session_id ON sessions (session_id);
CREATE INDEX ix_sessions_name ON sessions (name);
CREATE INDEX ix_sessions_committed_at ON sessions (committed_at);
CREATE UNIQUE INDEX ix_sessions_id ON sessions (id);
CREATE INDEX ix_sessions_status ON sessions (status);
CREATE UNIQUE INDEX ix_rounds_round_id ON rounds (round_id);
CREATE INDEX ix_rounds_number ON rounds (number);
CREATE UNIQUE INDEX ix_rounds_id ON rounds (id);
CREATE INDEX ix_rounds_status ON rounds (status);
CREATE INDEX ix_rounds_session_id ON rounds (session_id);
CREATE UNIQUE INDEX ix_models_id ON models (id);
CREATE INDEX ix_models_committed_at ON models (committed_at);
CREATE INDEX ix_models_session_id ON models (session_id);
CREATE INDEX ix_models_parent_model ON models (parent_model);
CREATE UNIQUE INDEX ix_models_model ON models (model);
CREATE INDEX ix_packages_committed_at ON packages (committed_at);
CREATE UNIQUE INDEX ix_packages_id ON packages (id);
CREATE INDEX ix_packages_name ON packages (name);
CREATE INDEX ix_packages_helper ON packages (helper);
CREATE INDEX ix_clients_updated_at ON clients (updated_at);
CREATE INDEX ix_clients_combiner ON clients (combiner);
CREATE UNIQUE INDEX ix_clients_name ON clients (name);
CREATE INDEX ix_clients_ip ON clients (ip);
CREATE INDEX ix_clients_status ON clients (status);
CREATE UNIQUE INDEX ix_clients_id ON clients (id);
CREATE INDEX ix_clients_combiner_preferred ON clients (combiner_preferred);
CREATE INDEX ix_combiners_address ON combiners (address);
CREATE INDEX ix_combiners_updated_at ON combiners (updated_at);
CREATE UNIQUE INDEX ix_combiners_name ON combiners (name);
CREATE INDEX ix_combiners_ip ON combiners (ip);
CREATE UNIQUE INDEX ix_combiners_id ON combiners (id);
CREATE INDEX ix_statuses_timestamp ON statuses (timestamp);
CREATE UNIQUE INDEX ix_statuses_id ON statuses (id);
CREATE INDEX ix_statuses_session_id ON statuses (session_id);
CREATE INDEX ix_statuses_sender__name ON statuses (sender__name);
CREATE INDEX ix_statuses_log_level ON statuses (log_level);
CREATE INDEX ix_statuses_correlation_id ON statuses (correlation_id);
CREATE INDEX ix_statuses_sender__role ON statuses (sender__role);
CREATE INDEX ix_statuses_type ON statuses (type);
CREATE INDEX ix_validations_correlation_id ON validations (correlation_id);
CREATE INDEX ix_validations_receiver__name ON validations (receiver__name);
CREATE INDEX ix_validations_receiver__role ON validations (receiver__role);
CREATE INDEX ix_validations_session_id ON validations (session_id);
CREATE INDEX ix_validations_timestamp ON validations (timestamp);
CREATE INDEX ix_validations_model_id ON validations (model_id);
CREATE INDEX ix_validations_sender__role ON validations (sender__role);
CREATE UNIQUE INDEX ix_validations_id ON validations (id);
CREATE INDEX ix_validations_sender__name ON validations (sender__name);
CREATE INDEX ix_metrics_timestamp ON metrics (timestamp);
CREATE INDEX ix_metrics_key ON metrics ("key");
CREATE INDEX ix_metrics_session_id ON metrics (session_id);
CREATE INDEX ix_metrics_sender__name ON metrics (sender__name);
CREATE UNIQUE INDEX ix_metrics_id ON metrics (id);
CREATE INDEX ix_metrics_sender__role ON metrics (sender__role);
CREATE INDEX ix_metrics_model_id ON metrics (model_id);
CREATE INDEX ix_metrics_round_id ON metrics (round_id);
CREATE INDEX ix_attributes_key ON attributes ("key");
CREATE INDEX ix_attributes_timestamp ON attributes (timestamp);
CREATE INDEX ix_attributes_sender__name ON attributes (sender__name);
CREATE UNIQUE INDEX ix_attributes_id ON attributes (id);
CREATE INDEX ix_attributes_sender__client_id ON attributes (sender__client_id);
CREATE INDEX ix_attributes_sender__role ON attributes (sender__role);
CREATE INDEX ix_telemetries_timestamp ON telemetries (timestamp);
CREATE INDEX ix_telemetries_sender__name ON telemetries (sender__name);
CREATE INDEX ix_telemetries_key ON telemetries ("key");
CREATE UNIQUE INDEX ix_telemetries_id ON telemetries (id);
CREATE INDEX ix_telemetries_sender__client_id ON telemetries (sender__client_id);
CREATE INDEX ix_telemetries_sender__role ON telemetries (sender__role);
CREATE INDEX ix_predictions_receiver__role ON predictions (receiver__role);
CREATE INDEX ix_predictions_sender__name ON predictions (sender__name);
CREATE UNIQUE INDEX ix_predictions_id ON predictions (id);
CREATE INDEX ix_predictions_receiver__name ON predictions (receiver__name);
CREATE INDEX ix_predictions_model_id ON predictions (model_id);
CREATE INDEX ix_predictions_timestamp ON predictions (timestamp);
CREATE INDEX ix_predictions_sender__role ON predictions (sender__role);
CREATE INDEX ix_predictions_correlation_id ON predictions (correlation_id);
CREATE UNIQUE INDEX ix_drafts_id ON drafts (id);
CREATE UNIQUE INDEX ix_revocations_id ON revocations (id);
CREATE UNIQUE INDEX ix_network_id ON network (id);
COMMIT;
