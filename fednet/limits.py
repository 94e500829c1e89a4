"""All limits of fednet, with their unit as the last word of the name.

A limit that a site may want to change is a setting (see `fednet.settings`); its default is defined here.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

# Names and texts
name_characters_max: Final = 128
text_characters_max: Final = 64 * KIB
traceback_characters_max: Final = 16 * KIB
json_bytes_max: Final = 256 * KIB
json_levels_max: Final = 64
json_values_max: Final = 150_000  # more than json_bytes_max holds
config_bytes_max: Final = MIB
json_remarks_max: Final = 10  # about one answer
exchange_bytes_max: Final = MIB
settings_bytes_max: Final = 64 * KIB  # that a person gives to a session, as JSON
settings_levels_max: Final = 16  # of objects and lists in one another
settings_integer_bits_max: Final = 64
error_bytes_max: Final = KIB

# Accounts
password_characters_min: Final = 12
password_characters_max: Final = 256
password_hash_bytes: Final = 64 * MIB  # memory, passes and lanes as RFC 9106 recommends
password_hash_passes: Final = 3
password_hash_lanes: Final = 4
password_checks_max: Final = 2  # at a time; each takes that memory
password_wait_seconds_max: Final = 10.0
user_token_seconds: Final = 90 * 24 * 3600.0
user_token_seconds_min: Final = 60.0
login_failures_max: Final = 10  # of one name from one address, within the window
login_address_failures_max: Final = 100  # of one address, within the window
login_window_seconds: Final = 300.0
login_addresses_max: Final = 10_000
account_seen_seconds: Final = 5.0

# Audit log
audit_block_entries: Final = 200
audit_stretch_entries: Final = 1_000  # that one query of the store returns
audit_page_entries_max: Final = 1_000
audit_scan_entries_max: Final = 20_000  # that one request looks at, to find those of its filter
audit_waiting_entries_max: Final = 10_000
audit_seconds_max: Final = 10.0
audit_refusals_seconds: Final = 60.0
audit_addresses_max: Final = 1_000

# Models and packages
model_bytes_max: Final = 64 * GIB
model_arrays_max: Final = 100_000
array_dimensions_max: Final = 32
array_header_bytes_max: Final = 10_000
array_name_characters_max: Final = 512
update_examples_max: Final = 2**53
update_digits_max: Final = 100  # of a number: sums of its squares, times any examples, stay finite
setting_texts_max: Final = 100  # of one setting of an aggregator that is a list
package_bytes_max: Final = 512 * MIB
package_unpacked_bytes_max: Final = 4 * GIB
package_files_max: Final = 20_000
package_path_characters_max: Final = 1_000
package_signatures_max: Final = 16
package_settings_max: Final = 100  # that a manifest declares
package_setting_choices_max: Final = 100
package_setting_bits_max: Final = 10_000  # of an integer; Python shows 4,300 digits, or 14,000 bits
package_data_file_bytes_max: Final = (
    MIB  # a larger file counts as data if its format is that of data
)
package_data_folder_bytes_max: Final = 10 * MIB  # a larger folder without code counts as data

# Transfer
chunk_bytes: Final = MIB
kept_memory_bytes: Final = 32 * MIB  # of what a process has freed
kept_block_bytes_max: Final = 8 * MIB  # a larger block goes back to the system
memory_arenas_max: Final = 2  # each keeps memory of its own
transfer_batch_chunks: Final = 2  # that are read or written in one visit to a thread
chunk_bytes_min: Final = 64 * KIB  # but for the last one of a file
upload_window_bytes: Final = 2 * MIB  # of an upload that may be on its way: 40 MB/s at 50 ms
message_bytes_max: Final = 4 * MIB
transfer_idle_seconds_max: Final = 60.0
transfer_attempts_max: Final = 8
fold_block_bytes: Final = 256 * KIB
stacked_block_bytes: Final = MIB
spare_memory_seconds: Final = 60.0  # for which the memory of sums is kept after a phase
kept_updates_max: Final = 500
update_steps_max: Final = 1_000_000

# Transfer by way of the object store
object_part_bytes: Final = 64 * MIB
object_url_seconds: Final = 900.0
object_connect_seconds_max: Final = 3.0
object_idle_seconds_max: Final = 20.0
object_attempts_max: Final = 2  # if there is another way
object_pause_seconds: Final = 3600.0

# Sessions
session_rounds_max: Final = 1_000_000
round_seconds_max: Final = 30 * 24 * 3600.0
round_retries_max: Final = 100
session_clients_max: Final = 100_000
session_seed_bits_max: Final = 32

# Server functions
server_functions_characters_max: Final = 64 * KIB
server_functions_state_bytes_max: Final = GIB
server_functions_description_bytes_max: Final = 64 * MIB  # of the state, beside its arrays
server_functions_state_values_max: Final = 1_000_000
server_functions_state_levels_max: Final = 64
server_functions_seconds_max: Final = 600.0
server_functions_memory_bytes_max: Final = 4 * GIB
server_functions_processes_max: Final = 4

# Calls
connect_seconds_max: Final = 10.0
tls_probe_seconds_max: Final = 3.0
tls_close_seconds_max: Final = 1.0  # until the other end has said that it closes, too
call_seconds_max: Final = 30.0
first_answer_seconds_max: Final = 3.0  # while there is another controller to ask
retry_attempts_max: Final = 5
retry_seconds_first: Final = 0.1
retry_seconds_max: Final = 10.0
addresses_max: Final = 16
controller_absence_seconds_max: Final = 60.0
wait_seconds_max: Final = 30.0

# Streams between processes
keepalive_seconds: Final = 20.0
keepalive_answer_seconds_max: Final = 10.0
queue_messages_max: Final = 1_000
outbox_events_max: Final = 100_000
outbox_bytes_max: Final = 256 * MIB
combiner_clients_max: Final = 10_000
spare_connections: Final = 256  # of a combiner, beside those of its clients
first_message_seconds_max: Final = 10.0
connection_idle_seconds_max: Final = 15.0  # without a call
connection_streams_max: Final = 128
caller_transfers_max: Final = 32  # of one caller at one combiner
stream_messages_max: Final = 1_000  # of one client at once
stream_messages_per_second: Final = 100
client_connections_max: Final = 60  # of one client, one after the other
client_connections_per_second: Final = 1
caller_budgets_max: Final = 20_000
log_lines_max: Final = 500  # of one client at once
log_lines_per_second: Final = 5
log_bytes_max: Final = MIB  # of one client at once
log_bytes_per_second: Final = 16 * KIB
mailboxes_max: Final = 100
mailbox_idle_seconds_max: Final = 60.0
fenced_sessions_max: Final = 100_000
registration_seconds: Final = 3.0
registration_seconds_max: Final = 60.0
unknown_task_seconds: Final = 10.0
drain_seconds: Final = 30.0  # of a process that was told to stop, to finish its work
drain_seconds_max: Final = 3600.0
handover_quiet_seconds_max: Final = 5.0  # without any change of a phase, at the end of a combiner
orphan_attempts_max: Final = 1_000
checked_blobs_max: Final = 1_000
abandoned_models_max: Final = 10

# Updates that outlive their round
retained_bytes_max: Final = 10 * GIB
retained_phases_max: Final = 10_000

# REST
page_items_max: Final = 1_000
shown_parameters_max: Final = 100_000
shown_model_bytes_max: Final = 8 * MIB
trail_models_max: Final = 10_000
plotted_validations_max: Final = 20_000
waiting_pause_seconds: Final = 2.0
rest_connections_max: Final = 10_000
rest_address_connections_max: Final = 2_000  # of one address
rest_backlog_connections: Final = 1_024
rest_head_seconds_max: Final = 20.0  # from its first byte to its last, or from the connection on
rest_idle_seconds_max: Final = 120.0  # between two requests
rest_bytes_per_second: Final = 4 * KIB  # the least of a body, and of an answer, on the whole
rest_slow_seconds_max: Final = 60.0  # of a slower pace
rest_head_bytes_max: Final = 256 * KIB
rest_headers_max: Final = 100
rest_query_parameters_max: Final = 1_000
rest_unread_bytes_max: Final = MIB  # of a body that was refused, before the connection ends
rest_small_chunks_max: Final = 1_000
rest_chunk_bytes_min: Final = KIB  # on the average, beyond so many small chunks
rest_open_body_bytes_max: Final = 16 * KIB  # where no token is needed
rest_caller_streams_max: Final = 64  # answers of one caller that are read at the same time
rest_memory_bytes_max: Final = 512 * KIB  # of a request's body; the rest is in a temporary file
rest_spooled_bytes_max: Final = 16 * MIB  # of the body are received before a thread is needed
rest_pipe_bytes_max: Final = 4 * MIB  # of a body, between the socket and a thread
rest_batch_bytes: Final = 256 * KIB  # of an answer, made at a time
conflict_attempts_max: Final = 100
upload_overhead_bytes_max: Final = 64 * KIB
checked_bytes_per_second: Final = 32 * MIB

# Monitoring pages of combiners and clients
monitoring_connections_max: Final = 64
monitoring_seconds_max: Final = 10.0  # from the connection to the end of the answer
monitoring_head_bytes_max: Final = 16 * KIB

# What is kept of what is only added
kept_reports_max: Final = 500_000  # statuses, attributes and telemetries, of each kind
kept_source_reports_max: Final = 3_000  # of one client
kept_results_max: Final = 1_000_000  # validations, predictions and metrics, of each kind
kept_audit_entries_max: Final = 1_000_000
cleaning_seconds: Final = 3600.0  # between two runs
cleaning_age_seconds_max: Final = 100 * 365 * 24 * 3600.0
cleaning_request_seconds: Final = 10.0  # of work for one request
orphan_seconds: Final = 3600.0  # for which a blob has had no reference before it is deleted
orphan_note_seconds: Final = 7 * 24 * 3600.0
usage_sessions_max: Final = 100  # that the figures of the store name
audit_pruned_blocks: Final = 100  # at a time
retention_documents: Final = 500  # between two looks
retention_sources_max: Final = 10_000  # that are counted in memory
client_changes_max: Final = 5_000  # of one client at once, over REST
client_changes_per_second: Final = 20

# The feed
feed_entries_max: Final = 100_000
feed_numbers_max: Final = 2**53  # readers may count in floating point
feed_seconds_max: Final = 7 * 24 * 3600.0
feed_block_entries: Final = 1_000
feed_read_blocks: Final = 100
feed_prune_blocks: Final = 100
feed_recent_entries: Final = 10_000
feed_page_entries_max: Final = 1_000
feed_waiting_entries_max: Final = 10_000
feed_listeners_max: Final = 10_000
feed_stream_seconds_max: Final = 3600.0  # then the reader connects again, and shows its token again
feed_keepalive_seconds: Final = 15.0

# Tokens
token_characters_max: Final = 4 * KIB
clock_skew_seconds_max: Final = 300.0
clock_skew_told_seconds: Final = 5.0  # smaller differences between clocks are nobody's concern
key_activation_seconds: Final = 10.0  # between the day of a new signing key and its first signature
key_overlap_seconds: Final = (
    2 * 3600.0
)  # before the older key is retired: members renew their tokens meanwhile
token_days_max: Final = 36_500
certificate_days: Final = 365
certificate_days_max: Final = 3_650
certificate_authority_days: Final = 3_650
retired_keys_max: Final = 100
unpruned_revocations: Final = (
    1_000  # more in memory, and those of tokens that have ended are forgotten
)
trust_seconds: Final = 5.0  # between two looks at what was revoked, where no feed tells
known_tokens_max: Final = 4_096  # tokens of one network whose signature is not checked again
control_token_seconds: Final = 600.0
placement_token_seconds: Final = 3600.0
membership_token_seconds: Final = 30 * 24 * 3600.0
membership_renewal_seconds: Final = 24 * 3600.0

# Processes that `fednet up` and `fednet demo` start
start_seconds_max: Final = 60.0
stop_seconds_max: Final = 5.0
stop_grace_seconds: Final = 2.0  # for calls under way, before a stopping combiner cancels them
own_descriptors: Final = 256  # of a controller or a combiner, beside its connections
log_tail_bytes_max: Final = 4 * KIB
restarts_max: Final = 8  # of one process, within the window
restart_window_seconds: Final = 300.0

# Stores
document_bytes_max: Final = 15 * MIB  # MongoDB takes 16, together with the keys
indexed_characters_max: Final = 512
query_items_max: Final = 10_000
skipped_documents_max: Final = 2**63 - 1  # the largest number that every store takes
blob_key_bytes_max: Final = 256
blob_part_bytes: Final = 8 * MIB
blob_offset_unit_bytes: Final = 64 * KIB  # a piece is a multiple of it, but for the last
blob_uploads_max: Final = 32  # of one combiner; its threads are fewer
blob_upload_idle_seconds_max: Final = 24 * 3600.0
store_requests_max: Final = 16
store_wait_seconds_max: Final = 10.0
store_close_seconds_max: Final = 2.0
store_statement_seconds_max: Final = 30.0
store_upgrade_seconds_max: Final = 3600.0
scan_items: Final = 100
backup_part_bytes: Final = 4 * MIB

# Clients
client_models_max: Final = 3
reconnect_attempts_max: Final = 4
client_packages_max: Final = 3
told_problems_max: Final = 10  # of one absence of the network, each once
client_environments_max: Final = 5
host_message_bytes_max: Final = MIB
host_end_seconds_max: Final = 5.0  # from the end of its answers to its own end
build_progress_lines_max: Final = 50
preparing_characters_max: Final = 200  # of the step that a client tells while it prepares
preparing_pause_seconds: Final = 0.5  # between two changes of a client that a combiner tells
review_file_bytes_max: Final = 128 * KIB  # a longer file is shown by its digest alone
review_file_lines_max: Final = 5_000
review_bytes_max: Final = 32 * MIB  # of all files whose lines are compared
review_lines_max: Final = 5_000
review_line_characters_max: Final = 500
trusted_keys_max: Final = 100
owners_decisions_max: Final = 1_000
seen_files_max: Final = 100  # in one of these decisions
awaited_shown_digests_max: Final = 10  # of one session
awaited_approvals_max: Final = (
    16  # of one client; it forgets the oldest, and hears of it again with the next task
)
preparing_seconds_max: Final = 6 * 3600.0  # afterwards no session waits for the client
kept_answers_max: Final = 1_000
kept_answers_bytes_max: Final = 10 * GIB  # without the newest answer, which is kept in any case
retired_answers_max: Final = 10
retired_answer_seconds_max: Final = 3600.0
delivery_attempts_max: Final = 2  # in one attempt; the next attempt follows after a pause
task_deaths_max: Final = 3
task_notes_max: Final = 1_000

# Packages and server functions in their sandbox
measurement_seconds: Final = (
    0.25  # between two looks at the memory, the files and the processes of a task
)
task_end_seconds_max: Final = 30.0  # of a supervisor that ends a task; then it is killed itself
task_processes_max: Final = 4_096  # with their threads
task_disk_bytes_max: Final = 16 * GIB
task_files_max: Final = 200_000
task_descriptors_max: Final = 4_096  # of one process
sandbox_tmp_bytes_max: Final = 256 * MIB  # of /tmp, which is in memory; TMPDIR is on the disk
sandbox_probe_seconds_max: Final = 20.0

# The session engine
round_grace_seconds: Final = 5.0
combiner_away_seconds_max: Final = (
    8.0  # afterwards its clients are asked at the combiner that sees them
)
attempt_pause_seconds_first: Final = 0.5
attempt_pause_seconds_max: Final = 30.0
round_problems_max: Final = 10
open_validations_max: Final = 8
joining_seconds_max: Final = 5.0
problem_characters_max: Final = 500
outlier_medians_min: Final = 10  # a client with more examples than so many medians is reported
outlier_clients_max: Final = 10  # in one round
metadata_characters_max: Final = 4 * KIB
command_seconds_max: Final = 10.0  # afterwards a command to a session fails because the store hangs
progress_seconds: Final = 1.0  # between two writes of a session's progress
pulse_seconds: Final = 1.0
store_slow_seconds: Final = 1.0  # a longer use of the state store does not count for deadlines
remembered_documents_max: Final = 1_000

# Differential privacy
privacy_clip_units_min: Final = (
    1e-12  # of the L2 norm of a difference, in the units of the parameters
)
privacy_clip_units_max: Final = 1e12
privacy_noise_multiples_min: Final = 1e-2
privacy_noise_multiples_max: Final = 1e6
privacy_delta_probabilities_max: Final = 0.1
privacy_epsilon_nats_max: Final = 1e6
privacy_terms_characters_max: Final = KIB
privacy_noise_deviations: Final = 6.0  # longer noise of a client is cut; once in 65 million updates

# Secure aggregation
secure_terms_characters_max: Final = KIB
secure_clients_min: Final = 3  # updates in one sum, below which it says too much about each
secure_sum_participants_max: Final = 16
secure_subsets_max: Final = 35  # seeds of one client, and masks that it adds
secure_neighbours_max: Final = 63  # a complete graph up to 64 clients
secure_complete_clients_max: Final = 64  # above, the graph of masks is a regular one
secure_rounds_max: Final = 1_000  # whose secrets and promises a client keeps
secure_known_clients_max: Final = 100_000  # whose identities a client trusts on first use
secure_neighbours: Final = 32  # of each client in a regular graph
noise_bits_max: Final = 46  # of the standard deviation of one update's noise, in steps
mask_block_bytes: Final = 256 * KIB  # of a vector, to which all masks are added at once
secure_clip_units_min: Final = 1e-6  # of a parameter's difference, in the units of the parameters
secure_clip_units_max: Final = 1e6
secure_clients_max: Final = 1_000  # in one round
secure_examples: Final = 10_000  # for which an update counts at most, without examples_max

# Participants of Xaynet
xaynet_block_bytes: Final = 256 * KIB  # of keystream, or of numbers, that are worked on at a time
xaynet_participants_max: Final = 100_000  # of one kind, in one round
xaynet_sum_participants_max: Final = 10_000  # each update has a seed for each of them
xaynet_seeds_max: Final = 2_000_000  # of all updates for all sum participants of a round, in memory
xaynet_open_messages_max: Final = 4  # whose bytes are in memory at the same time
xaynet_weights_max: Final = 500_000_000
xaynet_parts_bytes_max: Final = (
    GIB  # of messages in parts that are not whole yet, in the blob store
)
xaynet_retry_seconds: Final = 2.0  # until a coordinator looks again if its stores answer
participant_updates_min: Final = 3  # of which a sum participant adds up the masks
participant_document_bytes_max: Final = 64 * MIB  # of keys or seeds: those of 500,000 participants
participant_pause_seconds_first: Final = 0.1  # as Xaynet's
participant_pause_seconds_max: Final = 10.0
participant_pause_multiples: Final = 1.2  # by which each pause is longer than the one before
participant_pauses_max: Final = 32  # that are counted; afterwards they are not longer any more

# Logs
log_repetition_seconds: Final = 60.0  # of silence, after which the same warning is shown again

# Several controllers
lease_renew_seconds: Final = 2.0
traces_seconds_max: Final = 5.0  # for one batch of spans, and for the last ones of a process
lease_seconds: Final = 6.0
folder_controllers_max: Final = 64
