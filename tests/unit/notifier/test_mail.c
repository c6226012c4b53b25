/* Mails as bytes: golden files of every event in both languages, and what strangers may try with subjects,
 * names and addresses. */
#include "base/clock.h"
#include "base/encode.h"
#include "files.h"
#include "meridian/errors.h"
#include "notifier/channel.h"
#include "notifier/mail.h"
#include "notifier/moment.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* 2026-11-23T02:51:00Z */
#define NOW_US (1795402260LL * US_PER_S)

static void setup(void)
{
    clock_fake(NOW_US);
}

static const struct notifier_conf conf = {.mail_from = "desk@meridian.example",
                                          .portal_url = "https://desk.example/"};

static void render(const char *payload, const char *to, struct buf *ret_message)
{
    _cleanup_buf_ struct buf problems = BUF_INIT, why = BUF_INIT;
    struct templates *templates = NULL;
    const struct delivery delivery = {
        .id = "6f1d3c9a-0000-4000-8000-000000000001", .destination = to, .payload = str_from(payload)};

    cr_assert_eq(templates_open(&templates, &problems), 0);
    _cleanup_zone_book_ struct zone_book zones = {0};
    const struct channel_env env = {.conf = &conf, .templates = templates, .zones = &zones};

    cr_assert_eq(channel_mail.render(&env, &delivery, ret_message, &why), 0, "%s", buf_text(&why));
    templates_close(templates);
}

/* What the ledger's statement puts together, for one event and reader. */
static char *payload_of(const char *type, const char *language, const char *audience, const char *title)
{
    bool zh = strcmp(language, "zh") == 0;
    json_auto_t *payload = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s}", "type", type, "ticket_id",
        "0190aaaa-0000-7000-8000-000000000042", "number", "EU-1048576", "title", title, "service", "VPN",
        "priority", "P2", "team", zh ? "网络" : "Network", "at_us", (json_int_t)NOW_US, "actor",
        "Anna Keller", "audience", audience, "to_name", zh ? "王小明" : "Joe \"Ace\" O'Neil", "language",
        language, "zone", zh ? "Asia/Shanghai" : "America/New_York");

    if (strcmp(type, "ticket.replied") == 0)
        json_object_set_new(
            payload, "text",
            json_string(
                "Please restart the client.\r\n.\r\nFrom then on it works, doesn't it? = sure\n\nAnna"));
    if (strcmp(type, "ticket.resolved") == 0) {
        json_object_set_new(payload, "cause",
                            json_string(zh ? "证书过期。" : "The certificate had expired."));
        json_object_set_new(payload, "solution",
                            json_string(zh ? "更换了证书。" : "Replaced the certificate."));
        json_object_set_new(payload, "prevention",
                            json_string(zh ? "到期前提醒。" : "A reminder before it does."));
        json_object_set_new(payload, "accepted_us", json_integer(NOW_US - 7200 * US_PER_S));
        json_object_set_new(payload, "responded_us", json_integer(NOW_US - 5400 * US_PER_S));
        json_object_set_new(payload, "confirm",
                            json_string("EU-1048576.3.1796611860.0123456789abcdef0123456789abcdef01234567"));
    }
    if (strcmp(type, "ticket.closed") == 0)
        json_object_set_new(payload, "reopen_us", json_integer(NOW_US + 14 * 86400 * US_PER_S));
    if (strcmp(type, "ticket.pended") == 0 || strcmp(type, "ticket.reminded") == 0) {
        json_object_set_new(payload, "reason", json_string(zh ? "等待供应商" : "Waiting for the vendor"));
        json_object_set_new(payload, "until_us", json_integer(NOW_US + 86400 * US_PER_S));
    }
    if (strcmp(type, "ticket.offered") == 0)
        json_object_set_new(payload, "until_us", json_integer(NOW_US + 60 * US_PER_S));
    if (strcmp(audience, "successor") == 0)
        json_object_set_new(payload, "former", json_string("Anna Keller"));
    if (strcmp(type, "ticket.progress") == 0 || strcmp(type, "ticket.assigned") == 0)
        json_object_set_new(payload, "owner", json_string("Anna Keller"));
    if (strncmp(type, "sla.", 4) == 0 || strcmp(type, "ticket.progress") == 0 ||
        strcmp(type, "escalation.notified") == 0) {
        json_object_set_new(payload, "target", json_string("first_response"));
        json_object_set_new(payload, "due_us", json_integer(NOW_US + 1800 * US_PER_S));
    }
    return json_dumps(payload, 0);
}

Test(mail, golden_files, .init = setup)
{
    static const struct {
        const char *type, *audience;
    } events[] = {
        {"ticket.created", "requester"}, {"ticket.replied", "requester"},  {"ticket.replied", "owner"},
        {"ticket.pended", "requester"},  {"ticket.resolved", "requester"}, {"ticket.reopened", "lead"},
        {"sla.warned", "owner"},         {"sla.breached", "lead"},         {"ticket.reminded", "requester"},
        {"ticket.closed", "requester"},  {"ticket.progress", "requester"}, {"escalation.notified", "oncall"},
        {"escalation.notified", "lead"}, {"ticket.taken_over", "former"},  {"ticket.assigned", "owner"},
        {"ticket.assigned", "former"},   {"ticket.nudged", "owner"},       {"ticket.nudged", "lead"},
        {"ticket.merged", "requester"},  {"ticket.unmerged", "requester"}, {"duty.notified", "oncall"},
        {"duty.notified", "backup"},     {"duty.notified", "lead"},        {"ticket.offered", "offered"},
        {"ticket.offered", "successor"},
    };
    static const char *const languages[] = {"en", "zh"};

    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        for (size_t k = 0; k < ARRAY_SIZE(languages); k++) {
            bool zh = k == 1;
            _cleanup_(freep) char *payload =
                payload_of(events[i].type, languages[k], events[i].audience,
                           zh ? "无法连接公司 VPN，出差中急用" : "VPN does not connect");
            _cleanup_buf_ struct buf message = BUF_INIT;
            char name[128];

            render(payload, zh ? "wang@ap.example" : "joe@us.example", &message);
            snprintf(name, sizeof name, "%s.%s.%s.eml", languages[k], events[i].type, events[i].audience);
            golden_expect(name, buf_str(&message));
        }
}

Test(mail, targets_have_names, .init = setup)
{
    static const struct {
        const char *target, *text;
    } cases[] = {{"first_response", "First response was due"},
                 {"next_reply", "Next reply was due"},
                 {"update", "Next update was due"},
                 {"resolve", "Resolution was due"},
                 {"level_1", "level_1 was due"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *payload = payload_of("sla.breached", "en", "owner", "VPN");
        _cleanup_(freep) char *named = NULL;
        _cleanup_buf_ struct buf message = BUF_INIT;
        json_auto_t *json = json_loads(payload, 0, NULL);

        json_object_set_new(json, "target", json_string(cases[i].target));
        named = json_dumps(json, 0);
        render(named, "joe@us.example", &message);
        cr_expect(memmem(message.p, message.n, cases[i].text, strlen(cases[i].text)), "%s: %.*s",
                  cases[i].target, (int)message.n, message.p);
    }
}

/* ---- what strangers try ---- */

static size_t count(struct str text, const char *what)
{
    size_t n = 0;

    for (const char *p = text.p; (p = memmem(p, text.n - (size_t)(p - text.p), what, strlen(what))); p++)
        n++;
    return n;
}

/* Every line ends with CRLF and is short; headers end at the first empty line. Returns them. */
static struct str check_form(struct str message)
{
    const char *end = memmem(message.p, message.n, "\r\n\r\n", 4);
    struct str rest = message, line;

    cr_assert_not_null(end);
    cr_expect_eq(count(message, "\n"), count(message, "\r\n"), "no bare line feed");
    cr_expect_eq(count(message, "\r"), count(message, "\r\n"), "no bare carriage return");
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        cr_expect_leq(line.n, 998 + 1);
        for (size_t i = 0; i < line.n; i++)
            cr_expect((unsigned char)line.p[i] < 0x7f, "a mail is ASCII");
    }
    return (struct str){message.p, (size_t)(end - message.p) + 2};
}

Test(mail, no_field_can_add_a_header, .init = setup)
{
    static const char *const attacks[] = {
        "x\r\nBcc: victim@example.org",
        "x\nBcc: victim@example.org",
        "x\rBcc: victim@example.org",
        "\r\n\r\n<script>body</script>",
        "x\r\n Bcc: victim@example.org",
        "\nBcc: a@b.c\n\nbody",
        "x\xe2\x80\xa8"
        "Bcc: v@example.org",
        "=?UTF-8?Q?=0D=0ABcc:_v@e.org?=",
        "x\x0b\x0c\r\nBcc: v@e.org",
        "\"\\\r\nBcc: v@e.org",
    };

    for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
        const struct mail mail = {
            .id = "id",
            .thread = "thread",
            .from_name = attacks[i],
            .from_address = "desk@meridian.example",
            .to_name = attacks[i],
            .to_address = "joe@us.example",
            .language = attacks[i],
            .at_us = NOW_US,
            .subject = str_from(attacks[i]),
            .text = str_from(attacks[i]),
        };
        _cleanup_buf_ struct buf message = BUF_INIT;
        struct str headers;

        cr_assert_eq(mail_compose(&mail, &message), 0);
        headers = check_form(buf_str(&message));
        cr_expect_eq(count(headers, "\r\nBcc:"), 0, "%s", attacks[i]);
        cr_expect_eq(count(headers, "\r\nSubject: "), 1);
        cr_expect_eq(count(headers, "\r\nMIME-Version: 1.0\r\n"), 1, "the headers were not cut short");
    }
}

Test(mail, addresses)
{
    static const char *const good[] = {"a@b.c", "first.last+tag@sub.example.org", "o'neil@example.org",
                                       "x_y-z=1@host", "1@2.3"};
    static const char *const bad[] = {
        "",
        "@",
        "a@",
        "@b.c",
        "a",
        "a@b@c",
        "a b@c.d",
        "a@b c",
        "a@b..c",
        "a..b@c.d",
        ".a@b.c",
        "a.@b.c",
        "a@.b",
        "a@b.",
        "a@-b.c",
        "a@b-.c",
        "<a@b.c>",
        "a@b.c>",
        "a@b.c\r\nRCPT TO:<x@y.z>",
        "a\n@b.c",
        "a@b.c\n",
        "\"a b\"@c.d",
        "a,b@c.d",
        "王@example.org",
        "a@例.org",
        "a@[127.0.0.1]",
        "a@b.c,d@e.f",
        "a@b.c;x",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c",
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        cr_expect(mail_address_valid(str_from(good[i])), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        cr_expect_not(mail_address_valid(str_from(bad[i])), "%s", bad[i]);
    cr_expect_not(mail_address_valid((struct str){"a\0@b.c", 6}));
}

Test(mail, a_bad_recipient_is_refused_before_anything_is_sent, .init = setup)
{
    _cleanup_buf_ struct buf problems = BUF_INIT, message = BUF_INIT, why = BUF_INIT;
    _cleanup_(freep) char *payload = payload_of("ticket.created", "en", "requester", "x");
    struct templates *templates = NULL;
    struct delivery delivery = {
        .id = "id", .destination = "joe@us.example>\r\nDATA", .payload = str_from(payload)};

    cr_assert_eq(templates_open(&templates, &problems), 0);
    _cleanup_zone_book_ struct zone_book zones = {0};
    const struct channel_env env = {.conf = &conf, .templates = templates, .zones = &zones};

    cr_expect_eq(channel_mail.render(&env, &delivery, &message, &why), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&why), "the recipient's address is not valid");
    buf_reset(&why);
    delivery.payload = STR("{\"type\":\"ticket.noted\",\"language\":\"en\"}");
    cr_expect_eq(channel_mail.render(&env, &delivery, &message, &why), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&why), "no template for this event");
    buf_reset(&why);
    delivery.payload = STR("[1]");
    cr_expect_eq(channel_mail.render(&env, &delivery, &message, &why), -E_VALIDATION);
    templates_close(templates);
}

/* ---- encoders, undone ---- */

static void decode_words(struct str value, struct buf *out)
{
    struct str rest = value, word;

    while (rest.n) {
        str_cut(rest, ' ', &word, &rest);
        while (word.n && (word.p[word.n - 1] == '\r' || word.p[word.n - 1] == '\n'))
            word.n--;
        cr_assert(str_starts(word, STR("=?UTF-8?B?")) && str_ends(word, STR("?=")), "%.*s", (int)word.n,
                  word.p);
        cr_expect_leq(word.n, 75);
        cr_assert_eq(buf_add_unbase64(out, (struct str){word.p + 10, word.n - 12}), 0);
        cr_expect(utf8_valid(buf_str(out)), "each word ends on a code point");
    }
}

Test(mail, encoded_words_give_back_the_text)
{
    static const char *const texts[] = {
        "中",
        "编号 EU-1048576：已收到您的请求，无法连接公司 VPN，出差中急用，请尽快处理，谢谢！谢谢！谢谢！谢谢！",
        "Grüße aus Köln",
        "a=?b",
        "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"
        "🙂🙂🙂🙂🙂",
        "x\xcc\x88\xcc\x88",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_buf_ struct buf value = BUF_INIT, decoded = BUF_INIT;

        mail_add_text_value(str_from(texts[i]), 9, &value);
        decode_words(buf_str(&value), &decoded);
        cr_expect_str_eq(buf_text(&decoded), texts[i]);
    }
}

Test(mail, long_plain_values_fold_at_blanks)
{
    _cleanup_buf_ struct buf value = BUF_INIT, unfolded = BUF_INIT;
    const char *text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
                       "fifteen sixteen seventeen";
    struct str rest, line;

    mail_add_text_value(str_from(text), 9, &value);
    for (rest = buf_str(&value); rest.n;) {
        str_cut(rest, '\n', &line, &rest);
        cr_expect_leq(line.n, 77);
        buf_add(&unfolded, line.p, line.n - (line.n && line.p[line.n - 1] == '\r'));
    }
    cr_expect_str_eq(buf_text(&unfolded), text);
    cr_expect_neq(strstr(buf_text(&value), "\r\n "), NULL);
}

static void undo_quoted(struct str text, struct buf *out)
{
    struct str line;

    while (text.n) {
        bool soft;

        str_cut(text, '\n', &line, &text);
        cr_assert(line.n && line.p[line.n - 1] == '\r');
        line.n--;
        cr_expect_leq(line.n, 76);
        cr_expect_not(line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'),
                      "a blank at the end would be lost");
        soft = line.n && line.p[line.n - 1] == '=';
        for (size_t i = 0; i < line.n - soft; i++) {
            if (line.p[i] == '=') {
                cr_assert_eq(buf_add_unhex(out, (struct str){line.p + i + 1, 2}), 0);
                i += 2;
            } else {
                buf_add_char(out, line.p[i]);
            }
        }
        if (!soft)
            buf_add_char(out, '\n');
    }
}

Test(mail, quoted_printable_gives_back_the_text)
{
    static const char *const texts[] = {
        "plain\n",
        "ends in blank \nand tab\t\n",
        "a = b\n",
        ".\n..\n.x\n",
        "From me\nFrom: you\n",
        "Grüße aus Köln, wo es regnet und regnet und regnet und regnet und regnet und regnet, ja\n",
        "1234567890123456789012345678901234567890123456789012345678901234567890123456\n",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567\n",
        "123456789012345678901234567890123456789012345678901234567890123456789012345ü\n",
        "\n\n\n",
        "no end",
        "                                                                                                    "
        "\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_buf_ struct buf encoded = BUF_INIT, decoded = BUF_INIT, expected = BUF_INIT;
        struct str rest, line;

        mail_add_quoted_printable(str_from(texts[i]), &encoded);
        undo_quoted(buf_str(&encoded), &decoded);
        buf_add_text(&expected, texts[i]);
        if (expected.p[expected.n - 1] != '\n')
            buf_add_char(&expected, '\n');
        cr_expect_str_eq(buf_text(&decoded), buf_text(&expected));
        for (rest = buf_str(&encoded); rest.n;) {
            str_cut(rest, '\n', &line, &rest);
            cr_expect_not(str_starts(line, STR(".")), "a dot at the front is SMTP's");
            cr_expect_not(str_starts(line, STR("From ")));
        }
    }
}

Test(moment, instants_as_people_read_them)
{
    _cleanup_zone_book_ struct zone_book zones = {0};
    static const struct {
        const char *zone, *language, *expected;
        int64_t at_s;
    } cases[] = {
        {"Asia/Shanghai", "zh", "2026年11月23日 10:51（UTC+08:00）", 1795402260},
        {"Asia/Shanghai", "en", "23 Nov 2026, 10:51 (UTC+08:00)", 1795402260},
        {"America/New_York", "en", "22 Nov 2026, 21:51 (UTC-05:00)", 1795402260},
        {"Europe/Berlin", "en", "29 Mar 2026, 01:59 (UTC+01:00)", 1774745999},
        {"Europe/Berlin", "en", "29 Mar 2026, 03:00 (UTC+02:00)", 1774746000},
        {"Asia/Kathmandu", "en", "23 Nov 2026, 08:36 (UTC+05:45)", 1795402260},
        {"Nowhere/City", "en", "23 Nov 2026, 02:51 (UTC+00:00)", 1795402260},
        {"", "en", "31 Dec 1969, 23:59 (UTC+00:00)", -1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;

        moment_add_text(&out, cases[i].at_s * US_PER_S, zone_book_get(&zones, cases[i].zone),
                        cases[i].language);
        cr_expect_str_eq(buf_text(&out), cases[i].expected);
    }
}
