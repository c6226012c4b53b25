/* Limits on everything a stranger can make grow. Enforced at the edge and again at the authority. */
#pragma once

enum {
    LIMIT_SUBJECT_CHARS = 200,    /* Unicode code points */
    LIMIT_TEXT_BYTES = 64 * 1024, /* description, reply, note, resolution parts */
    LIMIT_REASON_CHARS = 500,
    LIMIT_TICKET_EVENTS = 2000, /* of a ticket, for replies of its requester: each write folds all of them */
    LIMIT_NUDGE_S = 4 * 3600,   /* between two nudges of a ticket */
    LIMIT_TICKET_LINKS = 200,   /* open links of a ticket, and tickets merged into one */
    LIMIT_HANDOVER_BYTES = 8 * 1024, /* each part of the note of a handover */
    LIMIT_BROADCAST = 200,           /* open children that one reply goes to */
    LIMIT_ATTRIBUTES = 50,           /* members of "attributes" */
    LIMIT_ATTRIBUTE_KEY_CHARS = 64,
    LIMIT_ATTRIBUTE_VALUE_CHARS = 1000,
    LIMIT_SERVICE_CHARS = 100,
    LIMIT_KEY_CHARS = 255, /* Idempotency-Key: visible ASCII */
    LIMIT_HTTP_BODY_BYTES = 256 * 1024,
    LIMIT_HTTP_HEADER_BYTES = 16 * 1024,
    LIMIT_HTTP_URI_BYTES = 8 * 1024,
    LIMIT_PAGE = 200, /* most rows of one page */
    LIMIT_PAGE_DEFAULT = 50,
    LIMIT_BUS_MESSAGE_BYTES = 1024 * 1024,
    LIMIT_SUBMIT_BATCH = 200, /* submissions in one bus request */
    LIMIT_SUBMIT_BATCH_BYTES = 768 * 1024,
    LIMIT_BUS_OUTSTANDING = 256, /* requests in flight per REQ socket (NNG 1.5.2: timers are O(n^2)) */
};
