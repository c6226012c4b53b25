/* Certificates of the bus and their rotation.
 *
 * NNG cannot change a TLS configuration in use, so rotation happens below it: whoever starts a connection
 * asks here for the context, and if the modification time, size or inode of one of the files differs from
 * what was read, they are read again. Connections that exist keep what they began with. Files are replaced
 * one after the other, so a half-replaced set (key and certificate do not match) is normal for a moment: then
 * the old context serves, and the next connection tries again. Sets are shared between all listeners and
 * dialers with the same files, and counted; one lock guards all, held while reading (at most a few times a
 * day).
 */
#include "bus/certificates.h"
#include "base/memory.h"
#include "bus/engine.h"
#include "meridian/errors.h"
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

enum { CA, CERT, KEY, FILES };

struct stamp {
    struct timespec modified;
    off_t size;
    ino_t inode;
};

struct certificates {
    struct certificates *next;
    int references;
    char *files[FILES];
    struct stamp stamps[FILES]; /* of what `context` was read from */
    SSL_CTX *context;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct certificates *all;

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

struct certificates *certificates_get(const char *ca_file, const char *cert_file, const char *key_file)
{
    struct certificates *set;

    pthread_mutex_lock(&lock);
    for (set = all; set; set = set->next)
        if (same(set->files[CA], ca_file) && same(set->files[CERT], cert_file) &&
            same(set->files[KEY], key_file))
            break;
    if (!set) {
        set = NEW(struct certificates);
        set->files[CA] = mem_str(ca_file);
        set->files[CERT] = mem_str(cert_file);
        set->files[KEY] = mem_str(key_file);
        set->next = all;
        all = set;
    }
    set->references++;
    pthread_mutex_unlock(&lock);
    return set;
}

struct certificates *certificates_put(struct certificates *set)
{
    if (!set)
        return NULL;
    pthread_mutex_lock(&lock);
    bool last = --set->references == 0;
    if (last) {
        struct certificates **link = &all;
        while (*link != set)
            link = &(*link)->next;
        *link = set->next;
    }
    pthread_mutex_unlock(&lock);
    if (last) {
        SSL_CTX_free(set->context);
        for (int i = 0; i < FILES; i++)
            free(set->files[i]);
        free(set);
    }
    return NULL;
}

static void stamps_take(const struct certificates *set, struct stamp stamps[FILES])
{
    memset(stamps, 0, FILES * sizeof *stamps);
    for (int i = 0; i < FILES; i++) {
        struct stat st;
        if (set->files[i] && stat(set->files[i], &st) == 0)
            stamps[i] = (struct stamp){st.st_mtim, st.st_size, st.st_ino};
    }
}

static bool stamps_equal(const struct stamp *a, const struct stamp *b)
{
    for (int i = 0; i < FILES; i++)
        if (a[i].modified.tv_sec != b[i].modified.tv_sec || a[i].modified.tv_nsec != b[i].modified.tv_nsec ||
            a[i].size != b[i].size || a[i].inode != b[i].inode)
            return false;
    return true;
}

static SSL_CTX *context_new(char *const files[FILES])
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    if (context && files[CA] && files[CERT] && files[KEY] &&
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
        SSL_CTX_load_verify_file(context, files[CA]) == 1 &&
        SSL_CTX_use_certificate_chain_file(context, files[CERT]) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, files[KEY], SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, engine_verify);
        /* No resumption: each connection shows its certificate and is checked. */
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return context;
    }
    ERR_clear_error();
    SSL_CTX_free(context);
    return NULL;
}

static int reload_locked(struct certificates *set, const struct stamp *stamps)
{
    SSL_CTX *fresh = context_new(set->files);

    if (!fresh)
        return -E_CONFIG;
    memcpy(set->stamps, stamps, sizeof set->stamps);
    SSL_CTX_free(set->context);
    set->context = fresh;
    return 0;
}

SSL_CTX *certificates_context(struct certificates *set)
{
    struct stamp stamps[FILES];

    pthread_mutex_lock(&lock);
    stamps_take(set, stamps);
    if (!set->context || !stamps_equal(stamps, set->stamps)) {
        int r = reload_locked(set, stamps);
        (void)r; /* the old one serves; the service's own check (bus_reload_tls) reports it */
    }
    SSL_CTX *context = set->context;
    if (context)
        SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&lock);
    return context;
}

int certificates_reload(struct certificates *set)
{
    struct stamp stamps[FILES];

    pthread_mutex_lock(&lock);
    stamps_take(set, stamps);
    int r = reload_locked(set, stamps);
    pthread_mutex_unlock(&lock);
    return r;
}
