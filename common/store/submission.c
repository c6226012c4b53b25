/* Looking up submission keys. No viewer is needed: a key is a hash over its requester, and knowing it is the
 * right to ask (desk.submission_known). */
#include "store/submission.h"
#include "base/uuid.h"
#include "meridian/errors.h"
#include "store_sql.h"
#include <stdio.h>

/* '{uuid,uuid}' */
static void add_keys(struct buf *out, const uint8_t (*keys)[STORE_KEY_SIZE], size_t n)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        char text[UUID_TEXT_SIZE];
        struct uuid key;

        memcpy(key.bytes, keys[i], sizeof key.bytes);
        if (i)
            buf_add_char(out, ',');
        buf_add_text(out, uuid_format(&key, text));
    }
    buf_add_char(out, '}');
}

static int read_known(const struct db_result *result, int row, struct store_known *ret_known)
{
    _cleanup_buf_ struct buf hash = BUF_INIT;
    int r = db_bytes(result, row, 2, &hash);

    if (r < 0)
        return r;
    *ret_known = (struct store_known){.found = true, .accepted_us = db_int(result, row, 4)};
    snprintf(ret_known->number, sizeof ret_known->number, "%s", db_text(result, row, 1));
    snprintf(ret_known->region, sizeof ret_known->region, "%s", db_text(result, row, 3));
    memcpy(ret_known->body_hash, buf_text(&hash), hash.n < AUTH_HASH_SIZE ? hash.n : AUTH_HASH_SIZE);
    return 0;
}

int store_submissions_known(struct db_conn *conn, const uint8_t (*keys)[STORE_KEY_SIZE], size_t n,
                            struct store_known *ret_known)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf array = BUF_INIT;
    int r;

    add_keys(&array, keys, n);
    db_param_text(&params, buf_text(&array));
    r = db_exec(conn, &sql_store_submissions_known, &params, &result);
    for (size_t i = 0; r >= 0 && i < n; i++)
        ret_known[i] = (struct store_known){0};
    for (int row = 0; r >= 0 && row < db_rows(&result); row++) {
        int64_t place = db_int(&result, row, 0);
        r = place >= 1 && place <= (int64_t)n ? read_known(&result, row, &ret_known[place - 1]) : -E_INTERNAL;
    }
    return r < 0 ? r : 0;
}
