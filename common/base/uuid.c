/* UUID version 7 and the kernel's randomness. A mutex-free generator per thread would repeat after fork; a
 * short lock keeps all UUIDs of the process strictly rising. */
#include "base/uuid.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *ret_bytes, size_t n)
{
    uint8_t *p = ret_bytes;

    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue; /* requests of more than 256 bytes can be interrupted */
        if (got <= 0) {
            perror("getrandom");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof value);
    return value;
}

struct uuid uuid_v7(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last; /* milliseconds << 12 | 12-bit counter: RFC 9562 section 6.2, method 1 */
    struct uuid uuid;
    uint64_t now = (uint64_t)(clock_now_us() / 1000) << 12, stamp;
    uint8_t fresh[9]; /* the tail, and where the counter starts */

    random_bytes(fresh, sizeof fresh);
    memcpy(uuid.bytes + 8, fresh, 8);
    pthread_mutex_lock(&lock);
    stamp = now > last ? now | (fresh[8] & 0x7f) : last + 1;
    last = stamp;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)(stamp >> (12 + 40 - 8 * i));
    uuid.bytes[6] = (uint8_t)(0x70 | ((stamp >> 8) & 0x0f));
    uuid.bytes[7] = (uint8_t)stamp;
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

char *uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *p = ret_text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[uuid->bytes[i] >> 4];
        *p++ = hex[uuid->bytes[i] & 15];
    }
    *p = 0;
    return ret_text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

int uuid_parse(struct str text, struct uuid *ret_uuid)
{
    struct uuid uuid;
    const char *p = text.p;

    if (text.n != 36)
        return -E_BAD_REQUEST;
    for (int i = 0; i < 16; i++, p += 2) {
        int high, low;
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*p++ != '-')
                return -E_BAD_REQUEST;
        }
        high = hex_digit(p[0]);
        low = hex_digit(p[1]);
        if (high < 0 || low < 0)
            return -E_BAD_REQUEST;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_uuid = uuid;
    return 0;
}
