-- What version 0003 adds: roles, a person from the Hub, an invite that was tried in vain, sessions, a locked client.
INSERT INTO raters (id, name, created_at, role, disabled_at, hub_id) VALUES ('rater-3', 'Cy', '2026-02-02T08:00:00.000000Z', 'admin', NULL, NULL);
INSERT INTO raters (id, name, created_at, role, disabled_at, hub_id) VALUES ('rater-4', 'hub:dee', '2026-02-02T08:00:00.000000Z', 'rater', '2026-02-03T08:00:00.000000Z', 'hub-4');
INSERT INTO invites VALUES ('k7f39xq2', 'rater-3', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA', '2026-02-02T08:00:00.000000Z', '2026-02-09T08:00:00.000000Z', NULL, 5, '2026-02-03T08:00:00.000000Z');
INSERT INTO sessions VALUES ('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', 'rater-3', '2026-02-02T08:00:00.000000Z', '2026-02-09T08:00:00.000000Z', NULL);
INSERT INTO sessions VALUES ('eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', 'rater-4', '2026-02-02T08:00:00.000000Z', '2026-02-09T08:00:00.000000Z', '2026-02-03T08:00:00.000000Z');
INSERT INTO client_locks VALUES ('ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 5, '2026-02-03T08:00:00.000000Z', '2026-02-02T08:00:00.000000Z');
