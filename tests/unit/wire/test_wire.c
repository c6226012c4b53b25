/* The bytes of the messages: golden, so that a field number never changes; unknown fields; what is no
 * message. */
#include "base/encode.h"
#include "wire/wire.h"
#include <criterion/criterion.h>

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

static void is_packed_as(const ProtobufCMessage *message, const char *hex)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT, text = BUF_INIT;

    wire_pack(message, &bytes);
    buf_add_hex(&text, bytes.p, bytes.n);
    cr_assert_str_eq(buf_text(&text), hex);
}

Test(wire, request_bytes)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Command command = MERIDIAN__COMMAND__INIT;
    Meridian__Principal principal = MERIDIAN__PRINCIPAL__INIT;
    uint32_t teams[] = {3, 300};

    principal.user_id = "u";
    principal.login = "l";
    principal.role = 2;
    principal.region = "eu";
    principal.language = "zh";
    principal.n_teams = 2;
    principal.teams = teams;
    principal.name = "n";
    command.action = 1;
    command.number = "EU-1";
    command.has_epoch = 1;
    command.epoch = 7;
    command.team = "t";
    command.text = "x";
    command.has_until_us = 1;
    command.until_us = 5;
    request.id = bytes_of("0123456789abcdef");
    request.principal = &principal;
    request.trace_id = "t";
    request.has_cluster_epoch = 1;
    request.cluster_epoch = 9;
    request.region = "us";
    request.instance = "i";
    request.has_timeout_ms = 1;
    request.timeout_ms = 1000;
    request.has_hops = 1;
    request.hops = 1;
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    is_packed_as(&request.base, "0a10303132333435363738396162636465661218"
                                "0a017512016c180222026575"
                                "2a027a68"
                                "300330ac02"
                                "3a016e"
                                "1a0174"
                                "2009"
                                "2a027573"
                                "320169"
                                "38e807"
                                "4001"
                                "aa0112"
                                "0801120445552d311807"
                                "2a0174"
                                "320178"
                                "3805");
}

Test(wire, reply_bytes)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__Submitted one = MERIDIAN__SUBMITTED__INIT, *list[] = {&one};
    Meridian__NumberBlock block = MERIDIAN__NUMBER_BLOCK__INIT;

    one.outcome = MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE;
    one.number = "EU-1";
    block.region = "eu";
    block.first = 1048576;
    block.count = 100;
    reply.id = bytes_of("i");
    reply.status = 12;
    reply.detail = "d";
    reply.has_json = 1;
    reply.json = bytes_of("{}");
    reply.has_lsn = 1;
    reply.lsn = 255;
    reply.has_cluster_epoch = 1;
    reply.cluster_epoch = 2;
    reply.has_replicated_lsn = 1;
    reply.replicated_lsn = 254;
    reply.n_submitted = 1;
    reply.submitted = list;
    reply.numbers = &block;
    is_packed_as(&reply.base, "0a0169100c1a016422027b7d28ff01300238fe01"
                              "a201080801120445552d31"
                              "b2010a0a02657510808040"
                              "1864");
}

Test(wire, timer_bytes)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__TimerDue due = MERIDIAN__TIMER_DUE__INIT;
    Meridian__Hint hint = MERIDIAN__HINT__INIT;
    ProtobufCBinaryData tickets[] = {bytes_of("t")};

    due.ticket_id = bytes_of("t");
    due.name = "n";
    due.generation = 3;
    request.id = bytes_of("i");
    request.body_case = MERIDIAN__REQUEST__BODY_TIMER_DUE;
    request.timer_due = &due;
    is_packed_as(&request.base, "0a0169"
                                "8202080a017412016e1803");
    hint.sequence = 1;
    hint.publisher = "p";
    hint.n_timers_of = 1;
    hint.timers_of = tickets;
    is_packed_as(&hint.base, "08011201704a0174");
}

Test(wire, hint_bytes)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;
    Meridian__Hint__Mark mark = MERIDIAN__HINT__MARK__INIT, *marks[] = {&mark};
    ProtobufCBinaryData sessions[] = {bytes_of("h")};

    mark.user_id = "u";
    mark.lsn = 1;
    hint.sequence = 300;
    hint.publisher = "router/eu/1";
    hint.has_lsn = 1;
    hint.lsn = 1;
    hint.wrote = marks;
    hint.n_wrote = 1;
    hint.has_tickets_changed = hint.tickets_changed = 1;
    hint.has_clocks_changed = hint.clocks_changed = 1;
    hint.ended_sessions = sessions;
    hint.n_ended_sessions = 1;
    is_packed_as(&hint.base, "08ac02120b726f757465722f65752f311801"
                             "22050a01751001"
                             "28013801"
                             "420168");
}

/* Number and name of each field, as they were when first published. A change here breaks the neighbour of
 * another version. */
static void has_fields(const ProtobufCMessageDescriptor *message, const char *expected)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (unsigned i = 0; i < message->n_fields; i++)
        buf_printf(&text, "%s%u:%s", i ? " " : "", message->fields[i].id, message->fields[i].name);
    cr_assert_str_eq(buf_text(&text), expected, "%s has %s", message->short_name, buf_text(&text));
}

Test(wire, field_numbers)
{
    has_fields(&meridian__principal__descriptor,
               "1:user_id 2:login 3:role 4:region 5:language 6:teams 7:name");
    has_fields(&meridian__submission__descriptor,
               "1:id 2:number 3:submission_key 4:client_key 5:body_hash 6:region 7:accepted_us 8:channel "
               "9:requester_id 10:submitter_id 11:subject 12:description 13:service 14:impact 15:urgency "
               "16:language 17:attributes 18:trace_id");
    has_fields(&meridian__command__descriptor,
               "1:action 2:number 3:epoch 4:if_version 5:team 6:text 7:until_us 8:cause "
               "9:solution 10:prevention 11:client_key 12:body_hash 13:if_versions 14:impact "
               "15:urgency 16:own_plan 17:assignee 20:link 21:other 22:force 25:handover 26:at_shift_end "
               "29:reply_seq 30:subject 31:service 32:broadcast");
    has_fields(&meridian__handover_note__descriptor,
               "1:state 2:tried 3:last_contact 4:next_step 5:next_step_at_us");
    has_fields(&meridian__submitted__descriptor, "1:outcome 2:number 3:detail 4:region 5:accepted_us");
    has_fields(&meridian__claim_next__descriptor, "1:team 2:client_key");
    has_fields(&meridian__session_info__descriptor, "1:principal 2:expires_us 3:token 4:csrf 5:csrf_hash");
    has_fields(&meridian__heartbeat__descriptor,
               "1:service 2:instance 3:region 4:version 5:started_us 6:bus_url 7:stats");
    has_fields(&meridian__read__descriptor, "1:document 2:args");
    has_fields(&meridian__hint__descriptor, "1:sequence 2:publisher 3:lsn 4:wrote 5:tickets_changed "
                                            "6:outbox_added 7:clocks_changed 8:ended_sessions 9:timers_of");
    has_fields(&meridian__timer_due__descriptor, "1:ticket_id 2:name 3:generation");
    has_fields(&meridian__deliver__descriptor, "1:delivery_id 2:channel 3:destination 4:payload");
    has_fields(&meridian__deliver_result__descriptor, "1:outcome 2:detail 3:retry_after_s");
}

/* ---- reading ---- */
static size_t small_request(uint8_t *ret_bytes)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    request.id = bytes_of("0123456789abcdef");
    request.region = "eu";
    return meridian__request__pack(&request, ret_bytes);
}

Test(wire, a_newer_neighbour_is_understood)
{
    uint8_t bytes[128];
    size_t n = small_request(bytes);
    const uint8_t unknown[] = {0xfa, 0x3e, 3, 'n', 'e', 'w'}; /* field 1007, bytes */

    memcpy(bytes + n, unknown, sizeof unknown);
    Meridian__Request *request = wire_unpack_request(bytes, n + sizeof unknown);
    cr_assert_not_null(request);
    cr_assert_str_eq(request->region, "eu");
    cr_assert_eq(request->body_case, MERIDIAN__REQUEST__BODY__NOT_SET);
    cr_assert_eq(request->base.n_unknown_fields, 1u);
    _cleanup_buf_ struct buf again = BUF_INIT;
    wire_pack(&request->base, &again);
    cr_assert_eq(again.n, n + sizeof unknown, "a forwarding router passes on what it does not know");
    cr_assert_arr_eq(again.p, bytes, again.n);
    meridian__request__free_unpacked(request, NULL);
}

Test(wire, truncated_is_no_message)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    uint8_t bytes[128];
    size_t n = small_request(bytes);

    for (size_t i = 0; i < n; i++) {
        Meridian__Request *request = wire_unpack_request(bytes, i);
        /* Cut exactly between two fields it is a message, with what came first. */
        cr_assert(!request || i == 18, "%zu of %zu bytes were taken", i, n);
        if (request)
            meridian__request__free_unpacked(request, NULL);
    }
    hint.publisher = "p";
    n = meridian__hint__pack(&hint, bytes);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(wire_unpack_hint(bytes, i));
    reply.id = bytes_of("0123456789abcdef");
    n = meridian__reply__pack(&reply, bytes);
    for (size_t i = 0; i < n; i++)
        cr_assert_null(wire_unpack_reply(bytes, i));
}

Test(wire, garbage_is_no_message)
{
    cr_assert_null(wire_unpack_request("", 0), "the id is required");
    cr_assert_null(wire_unpack_request("\xff\xff\xff\xff", 4));
    cr_assert_null(wire_unpack_request("\x0a\xff\xff\xff\xff\x0f", 6), "a length beyond the end");
    cr_assert_null(wire_unpack_reply("\x0a\x01i", 3), "the status is required");
    cr_assert_null(wire_unpack_hint("\x08\x01", 2), "the publisher is required");
}

Test(wire, packing_appends)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    Meridian__Replicated nothing = MERIDIAN__REPLICATED__INIT;
    Meridian__SessionClose close = MERIDIAN__SESSION_CLOSE__INIT;

    buf_add_text(&out, "x");
    wire_pack(&nothing.base, &out);
    cr_assert_eq(out.n, 1u);
    close.token_hash = bytes_of("h");
    wire_pack(&close.base, &out);
    cr_assert_str_eq(buf_text(&out), "x\n\x01h");
}

/* A batch of packed submissions gives the bytes that the generated code gives for the same messages. */
Test(wire, a_batch_of_packed_submissions)
{
    static const size_t counts[] = {0, 1, 3, 200};
    static char text[3000];

    memset(text, 'x', sizeof text - 1);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        _cleanup_wire_batch_ struct wire_batch batch = {0};
        _cleanup_buf_ struct buf wanted = BUF_INIT, got = BUF_INIT;
        Meridian__Submission one = MERIDIAN__SUBMISSION__INIT, *list[200];
        Meridian__SubmitBatch body = MERIDIAN__SUBMIT_BATCH__INIT;
        Meridian__Request request = MERIDIAN__REQUEST__INIT, packed;
        Meridian__Request *unpacked;

        one.id = one.submission_key = one.body_hash = bytes_of("0123456789abcdef");
        one.number = one.client_key = one.region = one.channel = one.requester_id = one.submitter_id =
            one.subject = "x";
        one.description = counts[c] == 200 ? text : "d";
        request.id = bytes_of("0123456789abcdef");
        request.region = "us";
        request.instance = "i";
        request.has_timeout_ms = 1;
        request.timeout_ms = 1000;
        packed = request;
        for (size_t i = 0; i < counts[c]; i++) {
            _cleanup_buf_ struct buf bytes = BUF_INIT;
            list[i] = &one;
            wire_pack(&one.base, &bytes);
            wire_batch_add(&batch, buf_str(&bytes));
        }
        body.n_submissions = counts[c];
        body.submissions = list;
        request.body_case = MERIDIAN__REQUEST__BODY_SUBMIT;
        request.submit = &body;
        wire_pack(&request.base, &wanted);
        wire_batch_put(&batch, &packed);
        wire_pack(&packed.base, &got);
        cr_assert_eq(got.n, wanted.n);
        cr_assert_arr_eq(got.p, wanted.p, wanted.n);
        unpacked = wire_unpack_request(got.p, got.n);
        cr_assert_not_null(unpacked);
        cr_assert_eq(unpacked->body_case, MERIDIAN__REQUEST__BODY_SUBMIT);
        cr_assert_eq(unpacked->submit->n_submissions, counts[c]);
        meridian__request__free_unpacked(unpacked, NULL);
    }
}
