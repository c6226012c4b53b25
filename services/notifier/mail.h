/* A mail as bytes: headers and body by RFC 5322, 2045 and 2047. Pure: no sending here. */
#pragma once
#include "base/buf.h"
#include "domain/zone.h"

struct mail {
    const char *id;        /* delivery id: Message-ID is <id@domain of from_address> */
    const char *thread;    /* ticket id: all mails of a ticket refer to <ticket.thread@...> */
    const char *from_name; /* UTF-8 */
    const char *from_address;
    const char *to_name; /* may be empty */
    const char *to_address;
    const char *language;    /* Content-Language; NULL: left out */
    const struct zone *zone; /* of the Date header; NULL: UTC */
    int64_t at_us;
    struct str subject; /* UTF-8; whatever is in it, it becomes one header */
    struct str text;    /* UTF-8, lines ended by \n */
};

/** True for an address we send to: ASCII dot-atom local part, host name; nothing that could end a command or
 * a header. */
bool mail_address_valid(struct str address);
/** The part behind the @. */
struct str mail_domain(struct str address);
/** Appends the whole message with CRLF line ends. -E_VALIDATION for an address that is not valid. */
int mail_compose(const struct mail *mail, struct buf *out) _must_check_;

/** Pieces of it, for tests: an unstructured header's value, folded, starting at `column`; a body as
 * quoted-printable. */
void mail_add_text_value(struct str text, size_t column, struct buf *out);
void mail_add_quoted_printable(struct str text, struct buf *out);
