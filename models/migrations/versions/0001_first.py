"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TRIGGERS_SQLITE = (
    "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only appended'); END",
    "CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only appended'); END",
)
TRIGGERS_POSTGRESQL = (
    "CREATE FUNCTION event_append_only() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'events are only appended'; END $$ LANGUAGE plpgsql",
    'CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_append_only()',
)


def upgrade() -> None:
    """Make every table, index and trigger."""
    op.create_table('channel',
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('quantity', sa.String(), nullable=True),
    sa.Column('unit', sa.String(), nullable=True),
    sa.Column('first_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_value', sa.Float(precision=53), nullable=True),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('claimed', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('device', 'channel', name=op.f('pk_channel'))
    )
    op.create_index(op.f('ix_channel_claimed'), 'channel', ['claimed'], unique=False)
    op.create_table('device',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('first_heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('qos0', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device')),
    sa.UniqueConstraint('code', name=op.f('uq_device_code'))
    )
    op.create_table('device_key',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('secret_hash', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=True),
    sa.Column('topics', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device_key')),
    sa.UniqueConstraint('name', name=op.f('uq_device_key_name'))
    )
    op.create_table('heartbeat',
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('beat_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('pid', sa.Integer(), nullable=True),
    sa.Column('facts', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.PrimaryKeyConstraint('role', name=op.f('pk_heartbeat'))
    )
    op.create_table('lease',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('token', sa.Integer(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('login_attempt',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('account', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_attempt'))
    )
    op.create_index(op.f('ix_login_attempt_account'), 'login_attempt', ['account'], unique=False)
    op.create_index(op.f('ix_login_attempt_address'), 'login_attempt', ['address'], unique=False)
    op.create_index(op.f('ix_login_attempt_at'), 'login_attempt', ['at'], unique=False)
    op.create_table('organisation',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('licence_grade', sa.String(), nullable=False),
    sa.Column('licence_scope', sa.String(), nullable=False),
    sa.Column('licence_number', sa.String(), nullable=False),
    sa.Column('licence_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['organisation.id'], name=op.f('fk_organisation_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('code', name=op.f('uq_organisation_code'))
    )
    op.create_table('pulse',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('state', sa.BigInteger(), nullable=False),
    sa.Column('bindings', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pulse'))
    )
    op.create_table('quarantined',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=False),
    sa.Column('qos', sa.SmallInteger(), nullable=False),
    sa.Column('retain', sa.Boolean(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('client', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=True),
    sa.Column('reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('decoded_again_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantined'))
    )
    op.create_index(op.f('ix_quarantined_received_at'), 'quarantined', ['received_at'], unique=False)
    op.create_table('reading',
    sa.Column('sensor', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at_ms', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('value', sa.Float(precision=53), nullable=True),
    sa.Column('quality', sa.SmallInteger(), nullable=False),
    sa.Column('raw', sa.Float(precision=53), nullable=True),
    sa.Column('arrived_ms', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('sensor', 'at_ms', name=op.f('pk_reading')),
    sqlite_with_rowid=False
    )
    op.create_table('rollup',
    sa.Column('sensor', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('span_s', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('end_ms', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('value', sa.Float(precision=53), nullable=True),
    sa.Column('min', sa.Float(precision=53), nullable=True),
    sa.Column('max', sa.Float(precision=53), nullable=True),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('quality', sa.SmallInteger(), nullable=False),
    sa.PrimaryKeyConstraint('sensor', 'span_s', 'end_ms', name=op.f('pk_rollup')),
    sqlite_with_rowid=False
    )
    op.create_table('rule',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('off_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule')),
    sa.UniqueConstraint('code', name=op.f('uq_rule_code'))
    )
    op.create_table('sensor_state',
    sa.Column('sensor', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('heard_ms', sa.BigInteger(), nullable=True),
    sa.Column('at_ms', sa.BigInteger(), nullable=True),
    sa.Column('value', sa.Float(precision=53), nullable=True),
    sa.Column('quality', sa.SmallInteger(), nullable=True),
    sa.Column('silent_since_ms', sa.BigInteger(), nullable=True),
    sa.Column('due_ms', sa.BigInteger(), nullable=True),
    sa.Column('rules', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('sensor', name=op.f('pk_sensor_state'))
    )
    op.create_table('site_clock',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('site_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('speed', sa.Double(), nullable=False),
    sa.Column('paused', sa.Boolean(), nullable=False),
    sa.Column('target_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('stop_at_alert', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_site_clock'))
    )
    op.create_table('user',
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=True),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email'))
    )
    op.create_table('waiting_reading',
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('value', sa.Float(precision=53), nullable=True),
    sa.Column('unit', sa.String(), nullable=True),
    sa.Column('received_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('device', 'channel', 'at_ms', name=op.f('pk_waiting_reading')),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_waiting_reading_received_ms'), 'waiting_reading', ['received_ms'], unique=False)
    op.create_table('zone_state',
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('rule', 'subject', name=op.f('pk_zone_state'))
    )
    op.create_table('api_token',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('prefix', sa.String(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=True),
    sa.Column('organisation_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_api_token_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_api_token_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_token_token_hash'))
    )
    op.create_table('invitation',
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('site_ids', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['created_by'], ['user.id'], name=op.f('fk_invitation_created_by')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invitation_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitation_token_hash'))
    )
    op.create_table('membership',
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('site_ids', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('capacity', sa.String(), nullable=False),
    sa.Column('certificate', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_membership_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_membership_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership'))
    )
    op.create_index(op.f('ix_membership_user_id'), 'membership', ['user_id'], unique=False)
    op.create_table('rule_version',
    sa.Column('rule_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('spec', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name=op.f('fk_rule_version_by_id')),
    sa.ForeignKeyConstraint(['rule_id'], ['rule.id'], name=op.f('fk_rule_version_rule_id')),
    sa.PrimaryKeyConstraint('rule_id', 'number', name=op.f('pk_rule_version'))
    )
    op.create_table('site',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('organisation_id', sa.Uuid(), nullable=True),
    sa.Column('protection_level', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('latitude', sa.Double(), nullable=True),
    sa.Column('longitude', sa.Double(), nullable=True),
    sa.Column('address', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('phone', sa.String(), nullable=False),
    sa.Column('responsible', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('superiors', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_site_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_site')),
    sa.UniqueConstraint('code', name=op.f('uq_site_code'))
    )
    op.create_table('web_session',
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('csrf', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_web_session_user_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_web_session'))
    )
    op.create_index(op.f('ix_web_session_user_id'), 'web_session', ['user_id'], unique=False)
    op.create_table('building',
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_building_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_building')),
    sa.UniqueConstraint('site_id', 'code', name=op.f('uq_building_site_id_code'))
    )
    op.create_table('condition',
    sa.Column('rule_code', sa.String(), nullable=False),
    sa.Column('rule_version', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('severity', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('value', sa.Double(), nullable=True),
    sa.Column('reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_condition_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_condition'))
    )
    op.create_index('ix_condition_rule', 'condition', ['rule_code', 'subject', 'since'], unique=False)
    op.create_index(op.f('ix_condition_site_id'), 'condition', ['site_id'], unique=False)
    op.create_table('duty_shift',
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_duty_shift_site_id')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_duty_shift_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_duty_shift'))
    )
    op.create_table('event',
    sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('incident_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('subject_code', sa.String(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('before', sa.String(), nullable=True),
    sa.Column('after', sa.String(), nullable=True),
    sa.Column('reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('by_kind', sa.String(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('on_behalf_of', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('via', sa.String(), nullable=False),
    sa.Column('request_id', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_event_site_id')),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_event')),
    sa.UniqueConstraint('id', name=op.f('uq_event_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_event_incident', 'event', ['incident_id', 'number'], unique=False)
    op.create_index('ix_event_site', 'event', ['site_id', 'number'], unique=False)
    op.create_index('ix_event_subject', 'event', ['kind', 'subject_id', 'number'], unique=False)
    op.create_table('rain_episode',
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('began_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_rain_ms', sa.BigInteger(), nullable=False),
    sa.Column('ended_ms', sa.BigInteger(), nullable=True),
    sa.Column('total_mm', sa.Double(), nullable=False),
    sa.Column('sums', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('grades', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('gauges', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('unknown', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_rain_episode_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rain_episode'))
    )
    op.create_index('ix_rain_episode_site', 'rain_episode', ['site_id', 'began_ms'], unique=False)
    op.create_table('webhook',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('secret', sa.String(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('from_severity', sa.String(), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_webhook_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sa.UniqueConstraint('name', name=op.f('uq_webhook_name'))
    )
    op.create_table('zone',
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('building_ids', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('element_ids', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('parent_ids', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('also_affects', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_zone_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_zone')),
    sa.UniqueConstraint('site_id', 'code', name=op.f('uq_zone_site_id_code'))
    )
    op.create_table('drawing',
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('building_id', sa.Uuid(), nullable=True),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('orientation', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('shapes', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('width', sa.Double(), nullable=False),
    sa.Column('height', sa.Double(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['building_id'], ['building.id'], name=op.f('fk_drawing_building_id')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_drawing_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_drawing')),
    sa.UniqueConstraint('site_id', 'code', name=op.f('uq_drawing_site_id_code'))
    )
    op.create_table('element',
    sa.Column('building_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('orientation', sa.String(), nullable=False),
    sa.Column('height_m', sa.Double(), nullable=True),
    sa.Column('retired', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['building_id'], ['building.id'], name=op.f('fk_element_building_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_element')),
    sa.UniqueConstraint('building_id', 'code', name=op.f('uq_element_building_id_code'))
    )
    op.create_table('incident',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('zone_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('severity', sa.String(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('opened_by', sa.Uuid(), nullable=True),
    sa.Column('facts', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['opened_by'], ['user.id'], name=op.f('fk_incident_opened_by')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_incident_site_id')),
    sa.ForeignKeyConstraint(['zone_id'], ['zone.id'], name=op.f('fk_incident_zone_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident')),
    sa.UniqueConstraint('code', name=op.f('uq_incident_code'))
    )
    op.create_index(op.f('ix_incident_site_id'), 'incident', ['site_id'], unique=False)
    op.create_table('sensor',
    sa.Column('key', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=False),
    sa.Column('building_id', sa.Uuid(), nullable=True),
    sa.Column('element_id', sa.Uuid(), nullable=True),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('name', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('quantity', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('interval_s', sa.Integer(), nullable=False),
    sa.Column('serves', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('compensate_with', sa.String(), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retired_reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=True),
    sa.Column('replaced_by', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['building_id'], ['building.id'], name=op.f('fk_sensor_building_id')),
    sa.ForeignKeyConstraint(['element_id'], ['element.id'], name=op.f('fk_sensor_element_id')),
    sa.ForeignKeyConstraint(['replaced_by'], ['sensor.id'], name=op.f('fk_sensor_replaced_by')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_sensor_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sensor')),
    sa.UniqueConstraint('key', name=op.f('uq_sensor_key')),
    sa.UniqueConstraint('site_id', 'code', name=op.f('uq_sensor_site_id_code'))
    )
    op.create_table('alert',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('rule_code', sa.String(), nullable=False),
    sa.Column('rule_version', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('episode', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('zone_id', sa.Uuid(), nullable=True),
    sa.Column('sensor_id', sa.Uuid(), nullable=True),
    sa.Column('element_id', sa.Uuid(), nullable=True),
    sa.Column('incident_id', sa.Uuid(), nullable=True),
    sa.Column('severity', sa.String(), nullable=False),
    sa.Column('peak', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('live', sa.Boolean(), nullable=False),
    sa.Column('unknown', sa.Boolean(), nullable=False),
    sa.Column('acknowledged', sa.Boolean(), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.Uuid(), nullable=True),
    sa.Column('latched', sa.Boolean(), nullable=False),
    sa.Column('shelved_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('shelved_rank', sa.Integer(), nullable=True),
    sa.Column('out_of_service', sa.Boolean(), nullable=False),
    sa.Column('suppressed_by', sa.String(), nullable=True),
    sa.Column('assignee_id', sa.Uuid(), nullable=True),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('observed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('arrived_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('late', sa.Boolean(), nullable=False),
    sa.Column('cleared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('value', sa.Double(), nullable=True),
    sa.Column('limit', sa.Double(), nullable=True),
    sa.Column('reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('label', sa.String(), nullable=True),
    sa.Column('label_note', sa.String(), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['acknowledged_by'], ['user.id'], name=op.f('fk_alert_acknowledged_by')),
    sa.ForeignKeyConstraint(['assignee_id'], ['user.id'], name=op.f('fk_alert_assignee_id')),
    sa.ForeignKeyConstraint(['element_id'], ['element.id'], name=op.f('fk_alert_element_id')),
    sa.ForeignKeyConstraint(['incident_id'], ['incident.id'], name=op.f('fk_alert_incident_id')),
    sa.ForeignKeyConstraint(['sensor_id'], ['sensor.id'], name=op.f('fk_alert_sensor_id')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_alert_site_id')),
    sa.ForeignKeyConstraint(['zone_id'], ['zone.id'], name=op.f('fk_alert_zone_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert')),
    sa.UniqueConstraint('code', name=op.f('uq_alert_code'))
    )
    op.create_index(op.f('ix_alert_incident_id'), 'alert', ['incident_id'], unique=False)
    op.create_index('ix_alert_live_severity', 'alert', ['live', 'severity'], unique=False)
    op.create_index('ix_alert_site_raised', 'alert', ['site_id', 'raised_at'], unique=False)
    op.create_index(op.f('ix_alert_subject'), 'alert', ['subject'], unique=False)
    op.create_index('uq_alert_live', 'alert', ['rule_code', 'subject'], unique=True, sqlite_where=sa.text('live'), postgresql_where=sa.text('live'))
    op.create_table('epoch',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('sensor_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('device', sa.String(), nullable=True),
    sa.Column('channel', sa.String(), nullable=True),
    sa.Column('offset', sa.Double(), nullable=False),
    sa.Column('scale', sa.Double(), nullable=False),
    sa.Column('note', sa.String(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['sensor_id'], ['sensor.id'], name=op.f('fk_epoch_sensor_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epoch'))
    )
    op.create_index(op.f('ix_epoch_sensor_id'), 'epoch', ['sensor_id'], unique=False)
    op.create_table('pin',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('drawing_id', sa.Uuid(), nullable=False),
    sa.Column('element_id', sa.Uuid(), nullable=True),
    sa.Column('sensor_id', sa.Uuid(), nullable=True),
    sa.Column('x', sa.Double(), nullable=False),
    sa.Column('y', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['drawing_id'], ['drawing.id'], name=op.f('fk_pin_drawing_id')),
    sa.ForeignKeyConstraint(['element_id'], ['element.id'], name=op.f('fk_pin_element_id')),
    sa.ForeignKeyConstraint(['sensor_id'], ['sensor.id'], name=op.f('fk_pin_sensor_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pin'))
    )
    op.create_index(op.f('ix_pin_drawing_id'), 'pin', ['drawing_id'], unique=False)
    op.create_table('notice',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('site_id', sa.Uuid(), nullable=True),
    sa.Column('alert_id', sa.Uuid(), nullable=True),
    sa.Column('incident_id', sa.Uuid(), nullable=True),
    sa.Column('severity', sa.String(), nullable=False),
    sa.Column('reason', sa.JSON().with_variant(postgresql.JSONB(), 'postgresql'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('leased_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.id'], name=op.f('fk_notice_alert_id')),
    sa.ForeignKeyConstraint(['person_id'], ['user.id'], name=op.f('fk_notice_person_id')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_notice_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('key', name=op.f('uq_notice_key'))
    )
    op.create_index(op.f('ix_notice_alert_id'), 'notice', ['alert_id'], unique=False)
    op.create_index(op.f('ix_notice_incident_id'), 'notice', ['incident_id'], unique=False)
    op.create_index(op.f('ix_notice_site_id'), 'notice', ['site_id'], unique=False)
    op.create_index('ix_notice_waiting', 'notice', ['state', 'next_try_at'], unique=False)
    sqlite = op.get_bind().dialect.name == 'sqlite'
    for statement in TRIGGERS_SQLITE if sqlite else TRIGGERS_POSTGRESQL:
        op.execute(sa.DDL(statement))
