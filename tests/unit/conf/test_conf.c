/* Sources and their order, every refusal and what it says, reload, and that what is printed can be read back.
 */
#include "base/clock.h"
#include "conf/conf.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

struct own {
    const char *spool_dir, *title, *token;
    int64_t workers, patience_us, room;
    bool strict;
};
struct common {
    const char *region;
};

static const struct conf_key common_keys[] = {
    {.name = "region",
     .type = CONF_TEXT,
     .offset = offsetof(struct common, region),
     .def = NULL,
     .doc = "The region."},
    {0},
};
#define KEY(name_, type_, field_, ...)                                                                       \
    {                                                                                                        \
        .name = name_, .type = type_, .offset = offsetof(struct own, field_), .doc = "About " name_ ".",     \
        __VA_ARGS__                                                                                          \
    }
static const struct conf_key own_keys[] = {
    KEY("spool_dir", CONF_TEXT, spool_dir, .def = "var/spool"),
    KEY("title", CONF_TEXT, title, .def = "", .reloadable = true),
    KEY("token", CONF_SECRET, token, .def = "", .reloadable = true),
    KEY("workers", CONF_INTEGER, workers, .def = "4", .min = 1, .max = 64),
    KEY("patience", CONF_DURATION, patience_us, .def = "250ms", .min = US_PER_MS, .max = 3600 * US_PER_S,
        .reloadable = true),
    KEY("room", CONF_SIZE, room, .def = "64k", .min = 1024, .max = INT64_MAX),
    KEY("strict", CONF_BOOL, strict, .def = "yes"),
    {0},
};
static const struct conf_key *const tables[] = {common_keys, own_keys};

static struct common common;
static struct own own;
static void *const targets[] = {&common, &own};
static struct buf problems, notes;

static void reset(void)
{
    common = (struct common){0};
    own = (struct own){0};
    buf_fini(&problems);
    buf_fini(&notes);
}

/* A file with this content; its name is static. */
static const char *file_with(const char *content)
{
    static char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/tmp/meridian-conf-%d", (int)getpid());
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
    return path;
}

static void no_file(void)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/meridian-conf-%d", (int)getpid());
    unlink(path);
    reset();
}

TestSuite(conf, .init = reset, .fini = no_file);

static int load(const char *file, char **environment)
{
    return conf_load(tables, 2, targets, environment, file, &problems);
}
#define ENV(...) ((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Loading fails and says exactly this. */
static void expect_problem(const char *file, char **environment, const char *text)
{
    cr_assert_eq(load(file, environment), -E_CONFIG);
    cr_assert_str_eq(buf_text(&problems), text);
    cr_assert_null(common.region, "a failure stores nothing");
    cr_assert_eq(own.workers, 0);
    buf_reset(&problems);
}

Test(conf, defaults)
{
    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", "PATH=/bin", "MERIDIANX=1")), 0, "%s",
                 buf_text(&problems));
    cr_assert_str_eq(common.region, "eu");
    cr_assert_str_eq(own.spool_dir, "var/spool");
    cr_assert_str_eq(own.title, "");
    cr_assert_str_eq(own.token, "");
    cr_assert_eq(own.workers, 4);
    cr_assert_eq(own.patience_us, 250 * US_PER_MS);
    cr_assert_eq(own.room, 65536);
    cr_assert(own.strict);
}

Test(conf, environment_over_file_over_default)
{
    const char *file =
        file_with("# a comment\n\n  region = ap\r\nworkers=8\nspool_dir =  /a b/c = d  \nstrict = OFF\n");

    cr_assert_eq(load(file, ENV("MERIDIAN_WORKERS=16", "MERIDIAN_TITLE=", "MERIDIAN_ROOM=1G")), 0, "%s",
                 buf_text(&problems));
    cr_assert_str_eq(common.region, "ap");
    cr_assert_eq(own.workers, 16);
    cr_assert_str_eq(own.spool_dir, "/a b/c = d", "the value is all behind the first =");
    cr_assert_not(own.strict);
    cr_assert_str_eq(own.title, "");
    cr_assert_eq(own.room, 1 << 30);
}

Test(conf, unknown_names_are_fatal_and_name_the_nearest)
{
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_SPOL_DIR=x"),
                   "unknown variable MERIDIAN_SPOL_DIR; did you mean MERIDIAN_SPOOL_DIR?\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_WROKERS=x"),
                   "unknown variable MERIDIAN_WROKERS; did you mean MERIDIAN_WORKERS?\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_spool_dir=x"),
                   "unknown variable MERIDIAN_spool_dir; did you mean MERIDIAN_SPOOL_DIR?\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_=x"),
                   "unknown variable MERIDIAN_; did you mean MERIDIAN_ROOM?\n");
    const char *file = file_with("region = eu\n\nworker = 3\n");
    _cleanup_buf_ struct buf text = BUF_INIT;
    buf_printf(&text, "%s:3: unknown key worker; did you mean workers?\n", file);
    expect_problem(file, ENV(), text.p);
}

Test(conf, deployment_variables_pass)
{
    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_VAR=/v", "MERIDIAN_PORT_BASE=9000",
                                "MERIDIAN_URL=http://x", "MERIDIAN_CONFIG=f")),
                 0, "%s", buf_text(&problems));
}

Test(conf, a_key_wins_over_a_deployment_variable_of_the_same_name)
{
    /* TOKEN is both here: deskctl's and this table's own. */
    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TOKEN=mine")), 0);
    cr_assert_str_eq(own.token, "mine");
}

Test(conf, required)
{
    expect_problem(NULL, ENV(), "MERIDIAN_REGION is required: The region.\n");
}

Test(conf, ranges_are_told_in_their_unit)
{
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_WORKERS=65"),
                   "MERIDIAN_WORKERS=65 is out of range: 1 to 64\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_WORKERS=0"),
                   "MERIDIAN_WORKERS=0 is out of range: 1 to 64\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_PATIENCE=2h"),
                   "MERIDIAN_PATIENCE=2h is out of range: 1ms to 1h\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_PATIENCE=0"),
                   "MERIDIAN_PATIENCE=0 is out of range: 1ms to 1h\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_ROOM=12"),
                   "MERIDIAN_ROOM=12 is out of range: at least 1k\n");
}

Test(conf, wrong_types_are_told)
{
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_WORKERS=four"),
                   "MERIDIAN_WORKERS=four is not a whole number\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_WORKERS="),
                   "MERIDIAN_WORKERS= is not a whole number\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_PATIENCE=5"),
                   "MERIDIAN_PATIENCE=5 is not a duration such as 250ms, 5s, 10m or 2h\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_ROOM=5kb"),
                   "MERIDIAN_ROOM=5kb is not a size such as 512, 64k, 10m or 1g\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_STRICT=maybe"),
                   "MERIDIAN_STRICT=maybe is not true or false\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TITLE=\xff"),
                   "MERIDIAN_TITLE=\xff is not plain UTF-8 text\n");
}

Test(conf, all_problems_come_at_once)
{
    expect_problem(NULL, ENV("MERIDIAN_WORKERS=x", "MERIDIAN_ROM=1"),
                   "MERIDIAN_WORKERS=x is not a whole number\nunknown variable MERIDIAN_ROM; did you mean "
                   "MERIDIAN_ROOM?\n"
                   "MERIDIAN_REGION is required: The region.\n");
}

Test(conf, file_faults_name_the_line)
{
    const char *file = file_with("region = eu\nno equals sign\n");
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(&text, "%s:2: expected `name = value`\n", file);
    expect_problem(file, ENV(), text.p);
    file_with("region = eu\nworkers = 1\n# x\nworkers = 2\n");
    buf_reset(&text);
    buf_printf(&text, "%s:4: workers was already set on line 2\n", file);
    expect_problem(file, ENV(), text.p);
    file_with("region = eu\nworkers = 100\npatience = soon");
    buf_reset(&text);
    buf_printf(&text,
               "%s:2: workers is out of range: 1 to 64\n%s:3: patience is not a duration such as 250ms, 5s, "
               "10m or 2h\n",
               file, file);
    expect_problem(file, ENV(), text.p);
    expect_problem("/nonexistent/file", ENV("MERIDIAN_REGION=eu"),
                   "/nonexistent/file: cannot read the configuration file: No such file or directory\n");
    expect_problem("/tmp", ENV("MERIDIAN_REGION=eu"),
                   "/tmp: cannot read the configuration file: Is a directory\n");
    expect_problem("/dev/zero", ENV("MERIDIAN_REGION=eu"),
                   "/dev/zero: cannot read the configuration file: it is too large\n");
}

Test(conf, secrets_come_from_files)
{
    _cleanup_buf_ struct buf variable = BUF_INIT;

    buf_printf(&variable, "MERIDIAN_TOKEN_FILE=%s", file_with("s3 cret\r\n\n"));
    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", variable.p)), 0, "%s", buf_text(&problems));
    cr_assert_str_eq(own.token, "s3 cret");
}

Test(conf, secret_faults_never_show_the_secret)
{
    _cleanup_buf_ struct buf variable = BUF_INIT, text = BUF_INIT;
    const char *file = file_with("hush\x01");

    buf_printf(&variable, "MERIDIAN_TOKEN_FILE=%s", file);
    buf_printf(&text, "MERIDIAN_TOKEN_FILE: the content of %s is not plain UTF-8 text\n", file);
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", variable.p), text.p);
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TOKEN=hush\x01"),
                   "MERIDIAN_TOKEN is not plain UTF-8 text\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TOKEN_FILE=/nonexistent"),
                   "MERIDIAN_TOKEN_FILE: cannot read /nonexistent: No such file or directory\n");
    file_with("hush");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", variable.p, "MERIDIAN_TOKEN=hush"),
                   "MERIDIAN_TOKEN and its _FILE variable are both set; keep one\n");
    expect_problem(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TITLE_FILE=x"),
                   "MERIDIAN_TITLE_FILE: only secrets are read from files; set the variable itself\n");
}

Test(conf, print_documents_everything_and_hides_secrets)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TOKEN=hush", "MERIDIAN_PATIENCE=90s")), 0);
    conf_print(tables, 2, targets, &out);
    cr_assert_null(strstr(out.p, "hush"));
    cr_assert_not_null(strstr(out.p, "# The region.\n# MERIDIAN_REGION: a text; required\nregion = eu\n"),
                       "%s", out.p);
    cr_assert_not_null(strstr(out.p, "# About token.\n# MERIDIAN_TOKEN: a secret; or the name of a file in "
                                     "its _FILE variable; SIGHUP reloads it\n"
                                     "# token = ***\n"));
    cr_assert_not_null(strstr(out.p, "# About patience.\n# MERIDIAN_PATIENCE: a duration such as 250ms, 5s, "
                                     "10m or 2h, 1ms to 1h; default 250ms; "
                                     "SIGHUP reloads it\npatience = 90s\n"));
    cr_assert_not_null(
        strstr(out.p, "a size such as 512, 64k, 10m or 1g, at least 1k; default 64k\nroom = 64k\n"));
    cr_assert_not_null(strstr(out.p, "strict = true\n"));
}

Test(conf, what_is_printed_can_be_read_back)
{
    _cleanup_buf_ struct buf out = BUF_INIT, again = BUF_INIT;

    cr_assert_eq(load(NULL, ENV("MERIDIAN_REGION=eu", "MERIDIAN_TITLE=x = y", "MERIDIAN_ROOM=3000",
                                "MERIDIAN_PATIENCE=1500us", "MERIDIAN_STRICT=0")),
                 0, "%s", buf_text(&problems));
    conf_print(tables, 2, targets, &out);
    own = (struct own){0};
    cr_assert_eq(load(file_with(out.p), ENV()), 0, "%s", buf_text(&problems));
    conf_print(tables, 2, targets, &again);
    cr_assert_str_eq(out.p, again.p);
    cr_assert_str_eq(own.title, "x = y");
    cr_assert_eq(own.patience_us, 1500);
}

Test(conf, reload_takes_what_may_change_and_names_the_rest)
{
    const char *file = file_with("region = eu\ntitle = one\nworkers = 2\n");
    const char *title;

    cr_assert_eq(load(file, ENV()), 0);
    title = own.title;
    file_with("region = eu\ntitle = two\nworkers = 3\npatience = 1s\n");
    cr_assert_eq(conf_reload(tables, 2, targets, ENV(), file, &problems, &notes), 0, "%s",
                 buf_text(&problems));
    cr_assert_str_eq(own.title, "two");
    cr_assert_eq(own.patience_us, US_PER_S);
    cr_assert_eq(own.workers, 2);
    cr_assert_str_eq(notes.p, "workers changed; it takes effect at the next start\n");
    cr_assert_str_eq(title, "one", "texts handed out stay valid");
    file_with("region = eu\ntitle = three\npatience = never\n");
    cr_assert_eq(conf_reload(tables, 2, targets, ENV(), file, &problems, &notes), -E_CONFIG);
    cr_assert_str_eq(own.title, "two", "all or nothing");
}

Test(conf, durations)
{
    static const char *const bad[] = {
        "", "5", "s", "-5s", "5 s", "1.5s", "5d", "9223372036854775807h", "99999999999999999999s", "00"};
    static const struct {
        const char *text;
        int64_t us;
        const char *back;
    } good[] = {{"0", 0, "0"},
                {"0s", 0, "0"},
                {"250ms", 250000, "250ms"},
                {"1000ms", 1000000, "1s"},
                {"90s", 90000000, "90s"},
                {"120S", 120000000, "2m"},
                {"2h", 7200000000, "2h"},
                {"7us", 7, "7us"}};
    int64_t us = 42;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        cr_assert_eq(conf_duration_parse(str_from(bad[i]), &us), -E_BAD_REQUEST, "\"%s\"", bad[i]);
    cr_assert_eq(us, 42);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_buf_ struct buf back = BUF_INIT;
        cr_assert_eq(conf_duration_parse(str_from(good[i].text), &us), 0);
        cr_assert_eq(us, good[i].us);
        conf_duration_format(us, &back);
        cr_assert_str_eq(back.p, good[i].back);
    }
}

Test(conf, sizes)
{
    static const char *const bad[] = {"", "k", "-1", "1.5m", "5kb", "9999999999g", "1 k", "0x10"};
    _cleanup_buf_ struct buf back = BUF_INIT;
    int64_t bytes = 0;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        cr_assert_eq(conf_size_parse(str_from(bad[i]), &bytes), -E_BAD_REQUEST, "\"%s\"", bad[i]);
    cr_assert_eq(conf_size_parse(STR("10m"), &bytes), 0);
    cr_assert_eq(bytes, 10 << 20);
    conf_size_format(bytes, &back);
    conf_size_format(1025, &back);
    conf_size_format(0, &back);
    cr_assert_str_eq(back.p, "10m10250");
}
