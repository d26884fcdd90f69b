-- What version 0005 adds: why a caption has no score.
INSERT INTO score_failures VALUES ('item-1', 'specs', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 'dependency-2+specs_ewt-1.0.0', 'The JPEG image is damaged 💥.', '2026-02-07T08:00:00.000000Z');
