/* Where values come from: environment over file over default, and what is refused on the way. Called at
 * start-up and on SIGHUP.
 *
 * All keys of all tables become one array of slots; each source fills slots and appends to the list of
 * problems; only when there is no problem are the service's structs written, so that a process never runs
 * with half a configuration. All problems are found in one go: fixing a deployment one error per restart is
 * no way to live. The texts of secrets never reach a message.
 */
#include "conf/conf.h"
#include "base/memory.h"
#include "conf/conf_value.h"
#include "meridian/errors.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PREFIX "MERIDIAN_"

enum { FILE_MAX = 256 * 1024, SECRET_MAX = 64 * 1024 };

/* Set for a whole deployment and read by deploy/local or deskctl; a service that sees them in its environment
 * passes them over. */
static const char *const deployment_variables[] = {"VAR", "PORT_BASE", "URL", "TOKEN", "CONFIG"};

struct slot {
    const struct conf_key *key;
    void *target;
    union conf_value value;
    int file_line;      /* where the file set it; 0: it did not */
    bool from_variable; /* MERIDIAN_<NAME> */
    bool from_secret;   /* MERIDIAN_<NAME>_FILE */
    bool set;           /* value is valid, or a problem was reported */
};

struct load {
    struct slot *slots;
    size_t n;
    struct buf *problems;
};

static inline void load_fini(struct load *load)
{
    free(load->slots);
}

/* "spool_dir" <-> "SPOOL_DIR" without allocation. */
static bool is_variable(const char *key, struct str variable)
{
    size_t i = 0;

    for (; key[i]; i++) {
        char upper = key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] - 32) : key[i];
        if (i >= variable.n || variable.p[i] != upper)
            return false;
    }
    return i == variable.n;
}

static void add_variable(struct buf *out, const char *key)
{
    buf_add_text(out, PREFIX);
    for (; *key; key++)
        buf_add_char(out, *key >= 'a' && *key <= 'z' ? (char)(*key - 32) : *key);
}

static struct load load_new(const struct conf_key *const *tables, size_t ntables, void *const *targets,
                            struct buf *problems)
{
    struct load load = {.problems = problems};
    size_t n = 0;

    for (size_t t = 0; t < ntables; t++)
        for (const struct conf_key *key = tables[t]; key && key->name; key++)
            n++;
    load.slots = NEW_ARRAY(struct slot, n);
    for (size_t t = 0; t < ntables; t++)
        for (const struct conf_key *key = tables[t]; key && key->name; key++)
            load.slots[load.n++] = (struct slot){.key = key, .target = targets[t]};
    return load;
}

/* The name most like the unknown one. There is always a key. */
static const char *nearest(const struct load *load, const char *name)
{
    const char *best = load->slots[0].key->name;
    int least = str_distance(best, name);

    for (size_t i = 1; i < load->n; i++) {
        int distance = str_distance(load->slots[i].key->name, name);
        if (distance < least) {
            least = distance;
            best = load->slots[i].key->name;
        }
    }
    return best;
}

/* ---- small files, read whole ---- */

/* 0, -E_TOO_LARGE past `most`, or -E_IO with errno. */
static int read_whole(const char *path, size_t most, struct buf *ret_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
    ssize_t n = -1;

    if (fd < 0)
        return -E_IO;
    do {
        buf_reserve(ret_bytes, 4096);
        n = read(fd, ret_bytes->p + ret_bytes->n, 4096);
        if (n > 0)
            ret_bytes->n += (size_t)n;
    } while (ret_bytes->n <= most && (n > 0 || (n < 0 && errno == EINTR)));
    saved = errno;
    ret_bytes->p[ret_bytes->n] = 0;
    close(fd);
    errno = saved;
    if (ret_bytes->n > most)
        return -E_TOO_LARGE;
    return n < 0 ? -E_IO : 0;
}

static const char *read_problem(int r)
{
    return r == -E_TOO_LARGE ? "it is too large" : strerror(errno);
}

/* ---- the file ---- */

static void take_line(struct load *load, const char *file, int number, struct str line)
{
    _cleanup_buf_ struct buf why = BUF_INIT, name_text = BUF_INIT;
    struct str name, value;
    struct slot *slot = NULL;

    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    line = str_trim(line);
    if (!line.n || line.p[0] == '#')
        return;
    if (!str_cut(line, '=', &name, &value)) {
        buf_printf(load->problems, "%s:%d: expected `name = value`\n", file, number);
        return;
    }
    name = str_trim(name);
    value = str_trim(value);
    for (size_t i = 0; i < load->n && !slot; i++)
        if (str_eq(name, str_from(load->slots[i].key->name)))
            slot = &load->slots[i];
    buf_add_str(&name_text, name);
    if (!slot) {
        buf_printf(load->problems, "%s:%d: unknown key %s; did you mean %s?\n", file, number,
                   buf_text(&name_text), nearest(load, buf_text(&name_text)));
        return;
    }
    if (slot->file_line) {
        buf_printf(load->problems, "%s:%d: %s was already set on line %d\n", file, number, slot->key->name,
                   slot->file_line);
        return;
    }
    slot->file_line = number;
    if (slot->set)
        return; /* the environment overrides */
    if (conf_value_parse(slot->key, value, &slot->value, &why) < 0)
        buf_printf(load->problems, "%s:%d: %s %s\n", file, number, slot->key->name, buf_text(&why));
    slot->set = true;
}

static void take_file(struct load *load, const char *file)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    struct str rest, line;
    int number = 1, r = read_whole(file, FILE_MAX, &bytes);

    if (r < 0) {
        buf_printf(load->problems, "%s: cannot read the configuration file: %s\n", file, read_problem(r));
        return;
    }
    rest = buf_str(&bytes);
    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        take_line(load, file, number++, line);
    }
}

/* ---- the environment ---- */

static void take_variable(struct load *load, struct slot *slot, struct str value)
{
    _cleanup_buf_ struct buf why = BUF_INIT;

    slot->from_variable = slot->set = true;
    if (conf_value_parse(slot->key, value, &slot->value, &why) == 0)
        return;
    add_variable(load->problems, slot->key->name);
    if (slot->key->type != CONF_SECRET) {
        buf_add_char(load->problems, '=');
        buf_add_str(load->problems, value);
    }
    buf_printf(load->problems, " %s\n", buf_text(&why));
}

/* MERIDIAN_<NAME>_FILE: the secret is the file's content without the line ends that editors and `echo` leave
 * behind. */
static void take_secret(struct load *load, struct slot *slot, const char *path)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT, why = BUF_INIT;
    int r = read_whole(path, SECRET_MAX, &bytes);

    slot->from_secret = slot->set = true;
    if (r < 0) {
        add_variable(load->problems, slot->key->name);
        buf_printf(load->problems, "_FILE: cannot read %s: %s\n", path, read_problem(r));
        return;
    }
    while (bytes.n && (bytes.p[bytes.n - 1] == '\n' || bytes.p[bytes.n - 1] == '\r'))
        bytes.n--;
    if (conf_value_parse(slot->key, buf_str(&bytes), &slot->value, &why) < 0) {
        add_variable(load->problems, slot->key->name);
        buf_printf(load->problems, "_FILE: the content of %s %s\n", path, buf_text(&why));
    }
}

static void refuse_variable(struct load *load, struct str name)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_str(&text, name);
    buf_printf(load->problems, "unknown variable " PREFIX "%s; did you mean ", buf_text(&text));
    add_variable(load->problems, nearest(load, buf_text(&text)));
    buf_add_text(load->problems, "?\n");
}

static void take_entry(struct load *load, struct str name, const char *value)
{
    struct str base = name;
    bool file = str_ends(name, STR("_FILE"));

    if (file)
        base.n -= 5;
    for (size_t i = 0; i < load->n; i++) {
        struct slot *slot = &load->slots[i];
        if (is_variable(slot->key->name, name)) {
            take_variable(load, slot, str_from(value));
        } else if (file && is_variable(slot->key->name, base)) {
            if (slot->key->type == CONF_SECRET) {
                take_secret(load, slot, value);
            } else {
                add_variable(load->problems, slot->key->name);
                buf_add_text(load->problems,
                             "_FILE: only secrets are read from files; set the variable itself\n");
            }
        } else {
            continue;
        }
        if (slot->from_variable && slot->from_secret) {
            add_variable(load->problems, slot->key->name);
            buf_add_text(load->problems, " and its _FILE variable are both set; keep one\n");
        }
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(deployment_variables); i++)
        if (str_eq(name, str_from(deployment_variables[i])))
            return;
    refuse_variable(load, name);
}

static void take_environment(struct load *load, char **environment)
{
    for (; environment && *environment; environment++) {
        struct str name, value;
        if (!str_starts(str_from(*environment), STR(PREFIX)) ||
            !str_cut(str_from(*environment), '=', &name, &value))
            continue;
        take_entry(load, (struct str){name.p + sizeof PREFIX - 1, name.n - (sizeof PREFIX - 1)}, value.p);
    }
}

static void take_defaults(struct load *load)
{
    for (size_t i = 0; i < load->n; i++) {
        _cleanup_buf_ struct buf why = BUF_INIT;
        struct slot *slot = &load->slots[i];
        if (slot->set)
            continue;
        if (!slot->key->def) {
            add_variable(load->problems, slot->key->name);
            buf_printf(load->problems, " is required: %s\n", slot->key->doc);
        } else if (conf_value_parse(slot->key, str_from(slot->key->def), &slot->value, &why) < 0) {
            buf_printf(load->problems, "the default of %s %s: report this as a bug\n", slot->key->name,
                       buf_text(&why));
        }
    }
}

/* Fills all slots. The environment comes first, because it wins. */
static int gather(struct load *load, char **environment, const char *file)
{
    size_t before = load->problems->n;

    take_environment(load, environment);
    if (file)
        take_file(load, file);
    take_defaults(load);
    return load->problems->n == before ? 0 : -E_CONFIG;
}

int conf_load(const struct conf_key *const *tables, size_t ntables, void *const *targets, char **environment,
              const char *file, struct buf *ret_problems)
{
    _cleanup_(load_fini) struct load load = load_new(tables, ntables, targets, ret_problems);
    int r = gather(&load, environment, file);

    if (r < 0)
        return r;
    for (size_t i = 0; i < load.n; i++)
        conf_value_store(load.slots[i].key, load.slots[i].target, &load.slots[i].value);
    return 0;
}

int conf_reload(const struct conf_key *const *tables, size_t ntables, void *const *targets,
                char **environment, const char *file, struct buf *ret_problems, struct buf *ret_notes)
{
    _cleanup_(load_fini) struct load load = load_new(tables, ntables, targets, ret_problems);
    int r = gather(&load, environment, file);

    if (r < 0)
        return r;
    for (size_t i = 0; i < load.n; i++) {
        struct slot *slot = &load.slots[i];
        union conf_value present = conf_value_fetch(slot->key, slot->target);
        if (conf_value_eq(slot->key, &present, &slot->value))
            continue;
        if (slot->key->reloadable)
            conf_value_store(slot->key, slot->target, &slot->value);
        else
            buf_printf(ret_notes, "%s changed; it takes effect at the next start\n", slot->key->name);
    }
    return 0;
}

void conf_print(const struct conf_key *const *tables, size_t ntables, void *const *targets, struct buf *out)
{
    for (size_t t = 0; t < ntables; t++) {
        for (const struct conf_key *key = tables[t]; key && key->name; key++) {
            union conf_value value = conf_value_fetch(key, targets[t]);
            buf_printf(out, "# %s\n# ", key->doc);
            add_variable(out, key->name);
            buf_printf(out, ": %s", conf_type_text(key->type));
            if (key->min || key->max) {
                buf_add_text(out, ", ");
                conf_range_print(key, out);
            }
            if (!key->def)
                buf_add_text(out, "; required");
            else if (key->def[0])
                buf_printf(out, "; default %s", key->type == CONF_SECRET ? "***" : key->def);
            if (key->type == CONF_SECRET)
                buf_add_text(out, "; or the name of a file in its _FILE variable");
            if (key->reloadable)
                buf_add_text(out, "; SIGHUP reloads it");
            /* A printed secret would set the password to three stars when the output is used as a file. */
            buf_printf(out, "\n%s%s = ", key->type == CONF_SECRET ? "# " : "", key->name);
            conf_value_print(key, &value, out);
            buf_add_text(out, "\n\n");
        }
    }
}
