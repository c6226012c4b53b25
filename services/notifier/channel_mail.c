/* Mail: renders the event's template in the recipient's language and zone, and hands the mail to the region's
 * relay by SMTP.
 *
 * The relay owns names, routes, TLS and its own queue; we speak to nobody else. A reply of 5xx to the sender,
 * the recipient or the message is permanent; 4xx, a greeting we do not like, and every failure to connect are
 * temporary. When the connection dies between the final dot and the answer, nobody knows whether the mail was
 * taken (RFC 1047): uncertain, to be sent again with the same Message-ID.
 */
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "notifier/channel.h"
#include "notifier/mail.h"
#include "notifier/moment.h"
#include <stdio.h>

static const struct retry_policy retry = {.attempts = 10, .base_us = 5 * US_PER_S, .cap_us = 3600 * US_PER_S};

static void check_config(const struct notifier_conf *conf, struct buf *ret_problems)
{
    struct str url = str_from(conf->smtp_url);

    if (!str_starts(url, STR("smtp://")) && !str_starts(url, STR("smtps://")))
        buf_add_text(ret_problems, "smtp_url: starts with smtp:// or smtps://\n");
    if (!mail_address_valid(str_from(conf->mail_from)))
        buf_add_text(ret_problems, "mail_from: a plain address such as desk@example.org\n");
}

/* ---- rendering ---- */

static const char *text_of(const json_t *payload, const char *key)
{
    const char *text = json_string_value(json_object_get(payload, key));

    return text ? text : "";
}

/* Replaces "<name>_us" by a readable "<name>". */
static void set_time(json_t *payload, const struct zone *zone, const char *from, const char *to)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const json_t *at = json_object_get(payload, from);

    if (!json_is_integer(at))
        return;
    moment_add_text(&text, json_integer_value(at), zone, text_of(payload, "language"));
    json_object_set_new(payload, to, json_stringn(buf_text(&text), text.n));
}

/* The targets that have names in every language; the others are called as the plan calls them. */
static void name_target(json_t *payload)
{
    static const char *const known[] = {"first_response", "next_reply", "update", "resolve"};
    const char *target = text_of(payload, "target");
    bool other = *target;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        bool is = strcmp(target, known[i]) == 0;

        json_object_set_new(payload, known[i], json_boolean(is));
        other = other && !is;
    }
    json_object_set_new(payload, "other_target", json_boolean(other));
}

/* A link to `path` and what the payload says under `last`; without a base there is none. */
static void set_link(json_t *payload, const char *name, const char *base, const char *path, const char *last)
{
    _cleanup_buf_ struct buf url = BUF_INIT;

    if (!base[0])
        return;
    buf_add_text(&url, base);
    if (url.p[url.n - 1] != '/')
        buf_add_char(&url, '/');
    buf_add_text(&url, path);
    buf_add_percent(&url, str_from(text_of(payload, last)));
    json_object_set_new(payload, name, json_string(buf_text(&url)));
}

/* What templates may ask for beside the members of the payload. */
static void complete(json_t *payload, const struct zone *zone, const struct notifier_conf *conf)
{
    const char *audience = text_of(payload, "audience");

    set_time(payload, zone, "at_us", "at");
    set_time(payload, zone, "due_us", "due");
    set_time(payload, zone, "until_us", "until");
    set_time(payload, zone, "reopen_us", "reopen");
    set_time(payload, zone, "accepted_us", "accepted");
    set_time(payload, zone, "responded_us", "responded");
    json_object_set_new(payload, "for_owner", json_boolean(strcmp(audience, "owner") == 0));
    json_object_set_new(payload, "for_lead", json_boolean(strcmp(audience, "lead") == 0));
    json_object_set_new(payload, "for_former", json_boolean(strcmp(audience, "former") == 0));
    json_object_set_new(payload, "for_successor", json_boolean(strcmp(audience, "successor") == 0));
    json_object_set_new(payload, "for_oncall", json_boolean(strcmp(audience, "oncall") == 0));
    json_object_set_new(payload, "for_backup", json_boolean(strcmp(audience, "backup") == 0));
    name_target(payload);
    set_link(payload, "url", conf->portal_url, "tickets/", "number");
    if (*text_of(payload, "confirm"))
        set_link(payload, "confirm_url", conf->portal_url, "api/v1/confirmations?token=", "confirm");
}

static int fail(struct buf *why, const char *text)
{
    buf_add_text(why, text);
    return -E_VALIDATION;
}

static int render(const struct channel_env *env, const struct delivery *delivery, struct buf *ret_message,
                  struct buf *ret_why)
{
    json_auto_t *payload = json_loadb(delivery->payload.p, delivery->payload.n, 0, NULL);
    _cleanup_buf_ struct buf subject = BUF_INIT, text = BUF_INIT;
    const struct template *subject_template, *text_template;
    const struct zone *zone;
    const char *language, *event;

    if (!json_is_object(payload))
        return fail(ret_why, "the payload is no object");
    language = text_of(payload, "language");
    event = text_of(payload, "type");
    subject_template = templates_find(env->templates, language, event, "subject");
    text_template = templates_find(env->templates, language, event, "txt");
    if (!subject_template || !text_template)
        return fail(ret_why, "no template for this event");
    zone = zone_book_get(env->zones, text_of(payload, "zone"));
    complete(payload, zone, env->conf);
    if (template_render(subject_template, payload, TEMPLATE_LINE, &subject) < 0 ||
        template_render(text_template, payload, TEMPLATE_TEXT, &text) < 0)
        return fail(ret_why, "the text is too long");

    const struct mail mail = {
        .id = delivery->id,
        .thread = text_of(payload, "ticket_id"),
        .from_name = "Meridian",
        .from_address = env->conf->mail_from,
        .to_name = text_of(payload, "to_name"),
        .to_address = delivery->destination,
        .language = language,
        .zone = zone,
        .at_us = clock_now_us(),
        .subject = buf_str(&subject),
        .text = buf_str(&text),
    };

    if (mail_compose(&mail, ret_message) < 0)
        return fail(ret_why, "the recipient's address is not valid");
    return 0;
}

/* ---- sending ---- */

struct sending {
    attempt_fn done;
    void *ctx;
};

static enum delivery_outcome judge(const struct smtp_result *result)
{
    if (result->result == CURLE_OK)
        return OUTCOME_DELIVERED;
    if (result->complete && result->code == 354)
        return OUTCOME_UNCERTAIN;
    /* What is wrong with us (greeting, EHLO, sign-in) is not the letter's fault. */
    if (result->result == CURLE_REMOTE_ACCESS_DENIED || result->result == CURLE_LOGIN_DENIED ||
        result->result == CURLE_URL_MALFORMAT ||
        (result->result == CURLE_WEIRD_SERVER_REPLY && !result->sent))
        return OUTCOME_TEMPORARY;
    return result->code >= 500 && result->code <= 599 ? OUTCOME_PERMANENT : OUTCOME_TEMPORARY;
}

static void on_sent(void *ctx, const struct smtp_result *result)
{
    struct sending *sending = ctx;
    struct attempt attempt = {.outcome = judge(result)};

    attempt.said_no = attempt.outcome == OUTCOME_PERMANENT;
    if (result->late)
        snprintf(attempt.detail, sizeof attempt.detail, "smtp: not begun, every sender was busy");
    else if (result->result == CURLE_OK || (result->code >= 400 && result->code <= 599))
        snprintf(attempt.detail, sizeof attempt.detail, "smtp %ld", result->code);
    else
        snprintf(attempt.detail, sizeof attempt.detail, "smtp: %s%s", curl_easy_strerror(result->result),
                 attempt.outcome == OUTCOME_UNCERTAIN ? " (after the message was sent)" : "");
    sending->done(sending->ctx, &attempt);
    free(sending);
}

static void deliver(const struct channel_env *env, const struct delivery *delivery, struct str message,
                    attempt_fn done, void *ctx)
{
    _cleanup_buf_ struct buf url = BUF_INIT;
    struct sending *sending = NEW(struct sending);
    struct smtp_request request = {
        .from = env->conf->mail_from,
        .to = delivery->destination,
        .message = message,
        .timeout_us = env->conf->smtp_timeout_us,
    };

    *sending = (struct sending){done, ctx};
    buf_add_text(&url, env->conf->smtp_url);
    if (url.p[url.n - 1] != '/')
        buf_add_char(&url, '/');
    buf_add_str(&url, mail_domain(str_from(env->conf->mail_from))); /* the name we greet with */
    request.url = buf_text(&url);
    smtp_send(env->smtp, &request, on_sent, sending);
}

const struct channel channel_mail = {
    .name = "mail",
    .retry = &retry,
    .check_config = check_config,
    .render = render,
    .deliver = deliver,
};
