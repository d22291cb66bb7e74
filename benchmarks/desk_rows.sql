-- A programme of @rows claims and as many keys, after two years (benchmarks/desk_pages.py).
-- @when: the moment of the n-th of @rows; @began, @span, @now: the programme's time. What there is little of
-- (campaign, policies, waves, key models, lots) is there already.

INSERT INTO roster_account (id, username, email, email_verified, is_organization, has_totp, has_webauthn,
        two_factor_observed_at, country, time_zone, created_at, updated_at)
    SELECT n, 'p-' || n, 'p' || n || '@example.org', true, false, false, false, @began, 'US', '',
        @began, @began FROM generate_series(1, @rows) AS n;

INSERT INTO roster_project (id, name, normalized_name, critical_since)
    SELECT n, 'project-' || n, 'project-' || n, @began::date FROM generate_series(1, @rows / 2) AS n;

INSERT INTO roster_projectrole (project_id, account_id, role)
    SELECT 1 + n / 2 % (@rows / 2), n, 'Owner' FROM generate_series(1, @rows) AS n;

INSERT INTO roster_decision (id, account_id, policy_id, campaign, outcome, headline, verdicts, facts,
        decided_at)
    SELECT n, n, policy.id, 'keys-2022', 'eligible', '', '[{"rule": "one_claim", "outcome": "pass"}]', '{}',
        @when FROM generate_series(1, @rows) AS n JOIN roster_policy policy
        ON policy.version = CASE WHEN n < @rows / 3 THEN 'first' ELSE 'second' END;

INSERT INTO claims_invitation (campaign_id, wave_id, account_id, invited_at, was_mailed)
    SELECT campaign.id, wave.id, n, wave.invites_at, true FROM generate_series(1, @rows) AS n CROSS JOIN
        claims_campaign campaign
    JOIN claims_wave wave ON wave.name = 'Wave ' || 1 + (n - 1) * 10 / @rows;

INSERT INTO claims_claim (id, code, campaign_id, account_id, decision_id, state, country, service,
            created_at, updated_at, waitlisted_at, policy_id, wave_id, in_part)
        SELECT n, 'C-' || n, campaign.id, n, n, CASE
    WHEN n > @rows - 300 THEN (ARRAY['in_review', 'waitlisted', 'accepted'])[1 + n % 3]
    WHEN n % 50 = 0 THEN 'cancelled' WHEN n % 97 = 0 THEN 'rejected' WHEN n % 211 = 0 THEN 'returned'
    ELSE 'delivered' END,
            CASE WHEN n % 2000 = 7 THEN 'NZ' ELSE (ARRAY['US', 'DE', 'FR', 'JP'])[1 + n % 4] END,
                'standard',
            @when, @when, @when, decision.policy_id, invitation.wave_id, false
        FROM generate_series(1, @rows) AS n CROSS JOIN claims_campaign campaign JOIN roster_decision
            decision ON decision.id = n
        JOIN claims_invitation invitation ON invitation.account_id = n;

INSERT INTO claims_claimitem (claim_id, key_model_id, quantity)
    SELECT n, model.id, 1 FROM generate_series(1, @rows) AS n JOIN inventory_keymodel model ON model.sku =
        CASE
        WHEN n < @rows / 20 THEN 'KD-OLD' WHEN n % 2 = 0 THEN 'KD-A-NFC' ELSE 'KD-C-NFC' END;

INSERT INTO claims_claimevent (claim_id, name, state_before, state_after, actor, at, data)
    SELECT n, (ARRAY['accepted', 'shipped', 'delivered'])[step], '', 'accepted', (ARRAY['maintainer:' || n,
        'system:carrier', CASE WHEN n % 900 = 1 THEN 'staff:robin' ELSE 'system:carrier' END])[step],
        @when + step * interval '1 day', '{}' FROM generate_series(1, @rows) AS n CROSS JOIN
            generate_series(1, 3) AS step ORDER BY n;

INSERT INTO claims_claimevent (claim_id, name, state_before, state_after, actor, at, data)
    SELECT n, 'rejected', 'in_review', 'rejected', 'staff:kim', @when, '{}' FROM generate_series(1, @rows)
        AS n WHERE n % 97 = 0;

INSERT INTO claims_claimquote (claim_id, prices, currency, tax_behavior, lines, total, quoted_at)
    SELECT n, '1', 'USD', 'inclusive', '[]', 2900, @when FROM generate_series(1, @rows) AS n WHERE n % 20 =
        3;

INSERT INTO payments_payment (code, claim_id, attempt, state, mode, amount, currency, idempotency_key,
        session_id, received, received_currency, expires_at, created_at, updated_at, paid_at, version,
            last_error)
    SELECT 'P-' || n, n, 1, 'paid', 'test', 2900, 'USD', 'k-' || n, 's-' || n, 2900, 'USD', @when, @when,
        @when, @when, 1, '' FROM generate_series(1, @rows) AS n WHERE n % 20 = 3;

INSERT INTO inventory_unit (id, serial, key_model_id, lot_id, received_at, account, held_for,
        movement_count, head_hash, moved_at)
    SELECT 1000 + n, 'U-' || n, model.id, lot.id, @began, CASE WHEN n > @rows - 300 THEN 'reserved'
        WHEN n % 2 = 0 THEN 'available' ELSE 'delivered' END, CASE WHEN n > @rows - 300 THEN 'C-' || n
        WHEN n % 2 = 0 THEN NULL ELSE 'C-' || n END, 3, '', @when
    FROM generate_series(1, @rows) AS n JOIN inventory_keymodel model ON model.sku = (ARRAY['KD-A-NFC',
        'KD-C-NFC'])[1 + n / 2 % 2]
    JOIN inventory_lot lot ON lot.key_model_id = model.id;

INSERT INTO inventory_movement (unit_id, sequence, from_account, to_account, reason, reference, actor,
        moved_at, recorded_at, previous_hash, hash)
    SELECT 1000 + n, step, (ARRAY['supplier', 'available', 'reserved'])[step],
        (ARRAY['available', 'reserved', 'packed'])[step], (ARRAY['receive', 'reserve', 'pack'])[step],
        'C-' || n, (ARRAY['staff:ada', 'maintainer', 'staff:robin'])[step], @when + step * interval '1
            hour',
        @when + step * interval '1 hour', '', sha256((n || '-' || step)::bytea)
    FROM generate_series(1, @rows) AS n CROSS JOIN generate_series(1, 3) AS step ORDER BY n;

INSERT INTO inventory_movement (unit_id, sequence, from_account, to_account, reason, reference, actor,
        moved_at, recorded_at, previous_hash, hash)
    SELECT 1000 + n, 4, 'quarantine', 'destroyed', 'destroy', 'W-1', 'staff:ada', @when, @when, '', ''
    FROM generate_series(1, @rows) AS n WHERE n % 3001 = 5;

INSERT INTO shipping_shipment (id, code, claim_id, state, number, has_customs, export_filing, seal_number,
        sealed_by, created_at, updated_at)
    SELECT n, 'S-' || n, n, CASE WHEN n > @rows - 300 THEN 'labelled' WHEN n % 700 = 9 THEN 'lost'
        ELSE 'delivered' END, 1, false, '', '', '', @when, @when FROM generate_series(1, @rows) AS n;

INSERT INTO shipping_labelpurchase (id, shipment_id, generation, state, mode, vendor_shipment_id, rate_id,
        carrier, service, rate_cents, cost_cents, price_cap_cents, currency, promised_days, incoterm,
            rate_why,
        insured_cents, buy_attempts, lease_owner, label_id, label_url, label_sha256, tracking_code,
            tracker_id,
        refund_attempts, last_error, created_at, bought_at, premium_cents, carrier_account, is_return)
    SELECT gen_random_uuid(), n, 1, 'bought', 'test', 'shp_' || n, '', 'USPS', 'Ground', 500, 500, 900,
        'USD', 5, 'DDP', '', 0,
        1, '', 'lbl_' || n, '', '', 'T' || n, 'trk_' || n, 0, '', @when, @when, 0, '', false
        FROM generate_series(1, @rows) AS n;

INSERT INTO shipping_shipment_units (shipment_id, unit_id, picked_by, packed_by)
    SELECT n, 1000 + n, '', '' FROM generate_series(1, @rows) AS n;

INSERT INTO cases_case (id, code, kind, about, shipment_id, reason, cause, detail, owner, opened_at, due_at,
    closed_at,
        closed_by, outcome)
    SELECT n, 'K-' || n, 'shipment', '', n * 40, 'not_arrived', 'unknown', '', '', @when, @when + interval '9 days',
        CASE WHEN n > @rows / 40 - 200 THEN NULL ELSE @now::timestamptz END, '', CASE WHEN n > @rows / 40 -
            200
        THEN '' ELSE 'resolved' END FROM generate_series(1, @rows / 40) AS n;

INSERT INTO vault_opening (subject, kind, purpose, actor, opened_at)
    SELECT 'C-' || n, 'address', 'label', 'system:shipping', @when FROM generate_series(1, @rows) AS n;

INSERT INTO notices_notice (account_id, template, claim_code, context, key, subject, body, created_at,
        attempts, due_at, sent_at, provider_id)
    SELECT n, 'confirmed', 'C-' || n, '{}', 'confirmed:' || n, 'Your claim', 'Yes.', @when, 1, @when,
        @when, '' FROM generate_series(1, @rows) AS n;

INSERT INTO desk_auditentry (position, at, actor, action, subject_kind, subject, reason, before, after,
        previous_hash, hash)
    SELECT n, @began + @span * (n * 20::float / @rows), 'staff:robin', 'claim_approved', 'claim',
        'C-' || n * 20, '', '{}', '{}', '', '' FROM generate_series(1, @rows / 20) AS n;

INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, attempts, priority)
    SELECT 'default', 'notices.send_notices', NULL, '{}', 'succeeded', 1, 0 FROM generate_series(1, @rows)
        AS n;

INSERT INTO fulfillment_webhook (id, provider, event_id, kind, mode, occurred_at, received_at, body,
        body_sha256) SELECT n, 'easypost', 'evt-' || n, 'tracker.updated', 'test', @when, @when, '{}', ''
    FROM generate_series(1, @rows) AS n;

INSERT INTO fulfillment_webhookoutcome (webhook_id, result, worked_at)
    SELECT n, 'applied', @when FROM generate_series(1, @rows) AS n;
