/* Cursors. The MAC covers the list's name, so that a cursor of one list is refused by another: their keys
 * have different shapes. */
#include "intake/cursor.h"
#include "auth/auth.h"
#include "base/encode.h"
#include "meridian/errors.h"

enum { MAC_SIZE = 8, CURSOR_MAX = 512 };

static void mac_of(struct str secret, struct str payload, uint8_t ret_mac[AUTH_HASH_SIZE])
{
    auth_hmac_sha256(secret.p, secret.n, payload.p, payload.n, ret_mac);
}

void cursor_add(struct buf *out, struct str secret, const char *list, struct str key)
{
    _cleanup_buf_ struct buf plain = BUF_INIT;
    uint8_t mac[AUTH_HASH_SIZE];

    buf_add_text(&plain, list);
    buf_add_char(&plain, '\n');
    buf_add_str(&plain, key);
    mac_of(secret, buf_str(&plain), mac);
    buf_add(&plain, mac, MAC_SIZE);
    buf_add_base64url(out, plain.p, plain.n);
}

int cursor_read(struct str cursor, struct str secret, const char *list, struct buf *ret_key)
{
    _cleanup_buf_ struct buf plain = BUF_INIT;
    uint8_t mac[AUTH_HASH_SIZE];
    struct str payload, name, key;

    if (cursor.n > CURSOR_MAX || buf_add_unbase64url(&plain, cursor) < 0 || plain.n <= MAC_SIZE)
        return -E_RANGE;
    payload = (struct str){plain.p, plain.n - MAC_SIZE};
    mac_of(secret, payload, mac);
    if (!auth_equal(mac, plain.p + payload.n, MAC_SIZE))
        return -E_RANGE;
    if (!str_cut(payload, '\n', &name, &key) || !str_eq(name, str_from(list)))
        return -E_RANGE;
    buf_add_str(ret_key, key);
    return 0;
}
