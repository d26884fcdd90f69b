-- What version 0002 adds: units that a person corrected, and an item that is cut so.
INSERT INTO units VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'corrected-1', 0, 20);
INSERT INTO segmentations VALUES ('segmentation-1', 'image-1', 'A kite 🪁. It is red.', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'corrected-1', 'dependency-1', 'rater-1', '2026-02-01T08:00:00.000000Z');
INSERT INTO items VALUES ('item-3', 'image-1', 'A kite 🪁. It is red.', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'corrected-1', NULL, 3, '2026-02-01T08:01:00.000000Z', NULL);
