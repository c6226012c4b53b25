/* Static files: one folder, opened once, walked one name at a time.
 *
 * A path is never joined to text and handed to the kernel whole: each segment is decoded, judged and opened
 * with O_NOFOLLOW relative to the folder before it, so "..", symbolic links, dot files and encoded slashes
 * lead nowhere. The ETag is a hash of the bytes served; it is remembered per file and made again when size,
 * inode or times differ. Files are read whole and blocking: they are the portal's own, small and in the page
 * cache.
 */
#include "base/encode.h"
#include "base/memory.h"
#include "http/connection.h"
#include "meridian/errors.h"
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES = 16 * 1024 * 1024, /* larger ones are not served */
    TAG_BYTES = 12,                /* of the SHA-256 */
    TAG_TEXT = 2 + TAG_BYTES / 3 * 4 + 1,
    TAG_SLOTS = 256, /* remembered tags; a collision only costs hashing again */
    NAME_BYTES = 255,
};

struct tag {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
    char text[TAG_TEXT];
};

struct http_files {
    int fd;
    struct tag tags[TAG_SLOTS];
};

struct file {
    int fd;
    struct stat stat;
    const char *encoding;      /* NULL, "br" or "gzip" */
    char name[NAME_BYTES + 1]; /* without .br, .gz */
};

static void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static void file_fini(struct file *file)
{
    closep(&file->fd);
}

int http_files_open(const char *directory, struct http_files **ret_files)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct http_files *files;

    if (fd < 0)
        return -E_IO;
    files = NEW(struct http_files);
    files->fd = fd;
    *ret_files = files;
    return 0;
}

struct http_files *http_files_close(struct http_files *files)
{
    if (files) {
        close(files->fd);
        free(files);
    }
    return NULL;
}

/* ---- finding ---- */

/* Decodes one segment to a name that may be opened. False for what must not be. */
static bool decode_segment(struct str segment, char ret_name[NAME_BYTES + 1])
{
    _cleanup_buf_ struct buf name = BUF_INIT;

    if (buf_add_unpercent(&name, segment) < 0 || name.n == 0 || name.n > NAME_BYTES || name.p[0] == '.' ||
        !utf8_printable(buf_str(&name)) || memchr(name.p, '/', name.n) || memchr(name.p, '\\', name.n))
        return false;
    memcpy(ret_name, name.p, name.n + 1);
    return true;
}

/* O_NONBLOCK: a pipe in the folder must not stop the loop. */
static int open_name(int folder, const char *name, struct stat *ret_stat)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0 && fstat(fd, ret_stat) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Tries name.br, name.gz and name, in this order as far as the client accepts them. */
static int open_variant(int folder, struct file *file, bool br, bool gzip)
{
    static const struct {
        const char *suffix, *encoding;
    } variants[] = {{".br", "br"}, {".gz", "gzip"}, {"", NULL}};
    char name[NAME_BYTES + 4];

    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        if ((i == 0 && !br) || (i == 1 && !gzip))
            continue;
        snprintf(name, sizeof name, "%s%s", file->name, variants[i].suffix);
        file->fd = open_name(folder, name, &file->stat);
        if (file->fd < 0)
            continue;
        if (S_ISREG(file->stat.st_mode) && file->stat.st_size <= FILE_BYTES) {
            file->encoding = variants[i].encoding;
            return 0;
        }
        close(file->fd);
        file->fd = -1;
    }
    return -E_NOT_FOUND;
}

static int find(const struct http_files *files, struct str path, bool br, bool gzip, struct file *ret_file)
{
    _cleanup_(closep) int folder = fcntl(files->fd, F_DUPFD_CLOEXEC, 0);
    struct stat stat;
    struct str segment;
    int next;

    if (folder < 0)
        return -E_IO;
    if (path.n && path.p[0] == '/')
        path = (struct str){path.p + 1, path.n - 1};
    while (path.n) {
        bool more = str_cut(path, '/', &segment, &path);

        if (!decode_segment(segment, ret_file->name))
            return -E_NOT_FOUND;
        next = open_name(folder, ret_file->name, &stat);
        if (next < 0)
            return -E_NOT_FOUND;
        if (!S_ISDIR(stat.st_mode)) {
            close(next);
            return more ? -E_NOT_FOUND : open_variant(folder, ret_file, br, gzip);
        }
        close(folder);
        folder = next;
    }
    strcpy(ret_file->name, "index.html");
    return open_variant(folder, ret_file, br, gzip);
}

/* ---- describing ---- */

static const char *content_type(const char *name)
{
    static const struct {
        const char *extension, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"json", "application/json"},
        {"map", "application/json"},
        {"webmanifest", "application/manifest+json"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"woff2", "font/woff2"},
        {"txt", "text/plain; charset=utf-8"},
        {"yaml", "application/yaml"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* "index-DiwrgTda.js": the build puts eight or more characters of a hash before the extension. Words are told
 * from hashes by case and digits; a hash taken for a word only costs a revalidation. */
static bool name_has_hash(const char *name)
{
    const char *dot = strrchr(name, '.'), *p = dot;
    size_t digits = 0, capitals = 0;

    if (!dot || strcmp(dot, ".html") == 0)
        return false;
    while (p > name && ((p[-1] >= '0' && p[-1] <= '9') || (p[-1] >= 'a' && p[-1] <= 'z') ||
                        (p[-1] >= 'A' && p[-1] <= 'Z') || p[-1] == '_')) {
        p--;
        digits += *p >= '0' && *p <= '9';
        capitals += *p >= 'A' && *p <= 'Z';
    }
    return p > name && (p[-1] == '-' || p[-1] == '.') && dot - p >= 8 && digits + capitals > 0;
}

/* True when the list accepts the coding: named with q > 0, or covered by "*". */
static bool accepts(struct str list, struct str coding)
{
    bool any = false;
    struct str item, name, params;

    while (list.n) {
        bool refused;

        (void)str_cut(list, ',', &item, &list);
        (void)str_cut(item, ';', &name, &params);
        name = str_trim(name);
        params = str_trim(params);
        refused = str_starts(params, STR("q=0")) && strspn(params.p + 3, ".0") >= params.n - 3;
        if (str_eq_nocase(name, coding))
            return !refused;
        if (str_eq(name, STR("*")))
            any = !refused;
    }
    return any;
}

static bool matches(struct str list, const char *tag)
{
    struct str item;

    while (list.n) {
        (void)str_cut(list, ',', &item, &list);
        item = str_trim(item);
        if (str_starts(item, STR("W/"))) /* weak comparison is what If-None-Match asks for */
            item = (struct str){item.p + 2, item.n - 2};
        if (str_eq(item, STR("*")) || str_eq(item, str_from(tag)))
            return true;
    }
    return false;
}

static bool same_file(const struct tag *tag, const struct stat *stat)
{
    return tag->text[0] && tag->device == stat->st_dev && tag->inode == stat->st_ino &&
           tag->size == stat->st_size && memcmp(&tag->modified, &stat->st_mtim, sizeof tag->modified) == 0 &&
           memcmp(&tag->changed, &stat->st_ctim, sizeof tag->changed) == 0;
}

static int read_all(const struct file *file, struct buf *ret_bytes)
{
    buf_reserve(ret_bytes, (size_t)file->stat.st_size);
    for (;;) {
        ssize_t n = read(file->fd, ret_bytes->p + ret_bytes->n, ret_bytes->capacity - ret_bytes->n - 1);

        if (n < 0)
            return -E_IO;
        if (n == 0)
            break;
        ret_bytes->n += (size_t)n;
        ret_bytes->p[ret_bytes->n] = 0;
        if (ret_bytes->n > FILE_BYTES)
            return -E_IO; /* it grew while being read */
        buf_reserve(ret_bytes, 1);
    }
    return 0;
}

static void make_tag(struct tag *tag, const struct stat *stat, struct str bytes)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(bytes.p, bytes.n, hash, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* OpenSSL without SHA-256 */
    buf_add_char(&text, '"');
    buf_add_base64url(&text, hash, TAG_BYTES);
    buf_add_char(&text, '"');
    *tag = (struct tag){.device = stat->st_dev,
                        .inode = stat->st_ino,
                        .size = stat->st_size,
                        .modified = stat->st_mtim,
                        .changed = stat->st_ctim};
    memcpy(tag->text, text.p, sizeof tag->text);
}

int http_files_respond(struct http_files *files, struct http_exchange *x, struct str path)
{
    _cleanup_(file_fini) struct file file = {.fd = -1};
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    struct str accept = http_header(x, "accept-encoding");
    struct tag *tag;
    bool fresh, known;
    int r;

    if (http_method(x) != HTTP_GET_ && http_method(x) != HTTP_HEAD_)
        return -E_METHOD;
    r = find(files, path, accepts(accept, STR("br")), accepts(accept, STR("gzip")), &file);
    if (r < 0)
        return r;
    tag = &files->tags[(size_t)file.stat.st_ino % TAG_SLOTS];
    known = same_file(tag, &file.stat);
    fresh = known && matches(http_header(x, "if-none-match"), tag->text);
    if (!fresh) {
        r = read_all(&file, &bytes);
        if (r < 0)
            return r;
        if (!known) {
            make_tag(tag, &file.stat, buf_str(&bytes));
            fresh = matches(http_header(x, "if-none-match"), tag->text);
        }
    }
    http_add_header(x, "ETag", tag->text);
    http_add_header(x, "Vary", "Accept-Encoding");
    http_add_header(x, "Cache-Control",
                    name_has_hash(file.name) ? "public, max-age=31536000, immutable" : "no-cache");
    if (fresh) {
        http_respond(x, 304, NULL, STR(""));
        return 0;
    }
    if (file.encoding)
        http_add_header(x, "Content-Encoding", file.encoding);
    http_respond(x, 200, content_type(file.name), buf_str(&bytes));
    return 0;
}
