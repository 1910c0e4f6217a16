/* SPDX-License-Identifier: MIT */
/* Every verdict and every number has words, and the headline leaves room for its confidence. */
#include <string.h>
#include <unit/cmocka_begin.h>
#include <words.h>

#define HEADLINE_MAX 61 /* 80 columns less "confidence medium" and two blanks */
#define LINE_MAX     77 /* behind "-> " */

static void assert_words(const char *text, size_t width_max)
{
	if (!text[0] || strlen(text) > width_max)
		fail_msg("%zu columns: %s", strlen(text), text);
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	assert_null(strstr(text, "  "));
	assert_null(strstr(text, "%!"));
}

static void fixed_names_are_there_and_differ(void **state)
{
	const char *names[GD_EVIDENCE_COUNT + 40];
	size_t count = 0;

	(void)state;
	for (int i = GD_VERDICT_UNKNOWN; i <= GD_VERDICT_MIXED; i++)
		names[count++] = gd_words_class((enum gd_verdict_class)i);
	for (int i = GD_ACTION_CANNOT_SAY; i <= GD_ACTION_FIX_SPIN; i++)
		names[count++] = gd_words_action((enum gd_action)i);
	for (int i = GD_CONFIDENCE_LOW; i <= GD_CONFIDENCE_HIGH; i++)
		names[count++] = gd_words_confidence((enum gd_confidence)i);
	for (int i = 0; i < GD_EVIDENCE_COUNT; i++) {
		names[count++] = gd_words_evidence_id((enum gd_evidence)i);
		assert_words(gd_words_evidence_unit((enum gd_evidence)i), LINE_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		assert_words(names[i], 20);
		assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_-"),
				 strlen(names[i]));
	}
	for (size_t i = 0; i <= GD_VERDICT_MIXED; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
}

static void the_states_of_a_gil_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(gd_words_gil(GD_GIL_NONE), "none");
	assert_string_equal(gd_words_gil(GD_GIL_ON), "on");
	assert_string_equal(gd_words_gil(GD_GIL_OFF), "off");
	assert_string_equal(gd_words_gil(GD_GIL_UNKNOWN), "unknown");
}

static void actions_have_the_names_of_the_contract(void **state)
{
	static const char *const names[] = {
		[GD_ACTION_CANNOT_SAY] = "cannot-say", [GD_ACTION_LEAVE] = "leave",
		[GD_ACTION_THREADS] = "threads",       [GD_ACTION_ASYNCIO] = "asyncio",
		[GD_ACTION_PROCESSES] = "processes",   [GD_ACTION_FIX_LOCK] = "fix-lock",
		[GD_ACTION_FREE_GIL] = "free-gil",     [GD_ACTION_FEWER_WORKERS] = "fewer-workers",
		[GD_ACTION_MORE_CPU] = "more-cpu",     [GD_ACTION_LOOK_IN_CHILD] = "look-in-child",
		[GD_ACTION_FIX_IO] = "fix-io",         [GD_ACTION_FIX_SPIN] = "fix-spin",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(gd_words_action((enum gd_action)i), names[i]);
}

/* ---- Sentences ------------------------------------------------------------------------------- */

/* Facts at their widest, each in turn the one that decides the wording. */
static const struct gd_facts kinds[] = {
	{ .active_s = 1 },
	{ .computing = 1, .gil_share = 1, .gil_held = 1, .wanting = 1 },
	{ .computing = 1, .wanting = 1 },
	{ .computing = 1, .wanting = 130, .running = 127.9, .cpus = 1024 },
	{ .computing = 1, .wanting = 2, .running = 1.9, .cpus = 0.125 },
	{ .child = 1 },
	{ .loop_timer = 1 },
	{ .sleeping = 1, .sleepers = 1 },
	{ .sleeping = 1, .sleepers = 2 },
	{ .outside = 1, .overlap = 1 },
	{ .outside = 1, .overlap = 9.96 },
	{ .outside = 1, .overlap = 123456, .looped = 1 },
	{ .idle = 1, .active_s = 1e-3 },
	{ .unknown = 1 },
	{ .active_s = 12345 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct gd_lock_model longest_lock = { .cause = GD_CAUSE_SEM, .key = 0x7fffffffffff };

static struct gd_judged judged_as(size_t kind, int class, int action, bool is_python)
{
	struct gd_judged judged = { .facts = kinds[kind] };

	judged.facts.is_python = is_python;
	judged.facts.is_gil_known = true;
	judged.facts.lock_waiters = 999.9;
	judged.facts.lock = &longest_lock;
	judged.verdict.class = (enum gd_verdict_class) class;
	judged.verdict.advice = (struct gd_advice){ (enum gd_action)action, 1024 };
	return judged;
}

static void a_headline_leaves_room_for_its_confidence(void **state)
{
	char text[160];

	(void)state;
	for (int class = GD_VERDICT_UNKNOWN; class <= GD_VERDICT_MIXED; class ++)
		for (size_t kind = 0; kind < KINDS; kind++)
			for (int is_python = 0; is_python < 2; is_python++) {
				struct gd_judged judged = judged_as(kind, class, 0, is_python);

				gd_words_headline(&judged, text, sizeof(text));
				assert_words(text, HEADLINE_MAX);
				assert_int_equal(text[strlen(text) - 1], '.');
			}
}

static void headlines_say_what_was_measured(void **state)
{
	static const struct {
		enum gd_verdict_class class;
		size_t kind;
		bool is_python;
		const char *headline;
	} rows[] = {
		{ GD_VERDICT_COMPUTING, 1, true,
		  "COMPUTING, one thread at a time: GIL held 100 % of the time." },
		{ GD_VERDICT_COMPUTING, 2, true,
		  "COMPUTING in one thread, 100 % of the time, without the GIL." },
		{ GD_VERDICT_COMPUTING, 2, false,
		  "COMPUTING in one thread at a time, 100 % of the time." },
		{ GD_VERDICT_COMPUTING, 4, true,
		  "COMPUTING in parallel: 1.9 threads at once on 0.125 CPUs." },
		{ GD_VERDICT_WAITING, 5, true, "WAITING for a child process, 100 % of the time." },
		{ GD_VERDICT_WAITING, 6, true,
		  "WAITING for the event loop's own timers, 100 % of the time." },
		{ GD_VERDICT_WAITING, 7, true,
		  "WAITING: asleep 100 % of the time, one sleep after another." },
		{ GD_VERDICT_WAITING, 8, true,
		  "WAITING: asleep 100 % of the time, several threads at once." },
		{ GD_VERDICT_WAITING, 9, true,
		  "WAITING, one operation at a time, 100 % of the time." },
		{ GD_VERDICT_WAITING, 11, true,
		  "WAITING, well overlapped: 123456 operations at once." },
		{ GD_VERDICT_MIXED, 10, true, "MIXED: computing 0 % of the time, waiting 100 %." },
		{ GD_VERDICT_IDLE, 12, true, "IDLE 100 % of the time: nothing was asked of it." },
		{ GD_VERDICT_UNKNOWN, 13, true,
		  "CANNOT SAY: 100 % of the time it was off the CPU, unseen." },
		{ GD_VERDICT_UNKNOWN, 0, true,
		  "CANNOT SAY: it did too little (1000 ms) to judge." },
	};
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_judged judged =
			judged_as(rows[i].kind, rows[i].class, 0, rows[i].is_python);

		gd_words_headline(&judged, text, sizeof(text));
		assert_string_equal(text, rows[i].headline);
	}
}

static void every_advice_is_a_line_and_has_its_reason(void **state)
{
	char text[200], why[300];

	(void)state;
	for (int class = GD_VERDICT_UNKNOWN; class <= GD_VERDICT_MIXED; class ++)
		for (int action = GD_ACTION_CANNOT_SAY; action <= GD_ACTION_FIX_SPIN; action++)
			for (size_t kind = 0; kind < KINDS; kind++) {
				struct gd_judged judged = judged_as(kind, class, action, kind % 2);

				gd_words_advice(&judged, &judged.verdict.advice, text,
						sizeof(text));
				assert_words(text, LINE_MAX);
				gd_words_why(&judged, why, sizeof(why));
				assert_words(why, 2 * LINE_MAX);
				assert_int_equal(why[strlen(why) - 1], '.');
			}
}

static void advice_speaks_the_language_of_the_program(void **state)
{
	struct gd_judged python = judged_as(1, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES, true);
	struct gd_judged native = judged_as(2, GD_VERDICT_COMPUTING, GD_ACTION_THREADS, false);
	char text[200];

	(void)state;
	gd_words_advice(&python, &python.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "use processes: ProcessPoolExecutor(1024)");
	gd_words_advice(&native, &native.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "use threads: a pool of 1024");
	gd_words_why(&native, text, sizeof(text));
	assert_null(strstr(text, "GIL"));
}

static void a_gil_that_is_not_known_is_not_said_to_be_free(void **state)
{
	struct gd_judged judged = judged_as(2, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES, true);
	char text[160];

	(void)state;
	gd_words_headline(&judged, text, sizeof(text));
	assert_non_null(strstr(text, "without the GIL"));
	judged.facts.is_gil_known = false;
	gd_words_headline(&judged, text, sizeof(text));
	assert_null(strstr(text, "GIL"));
}

static void every_number_has_words_and_its_unit(void **state)
{
	char text[80];

	(void)state;
	for (int i = 0; i < GD_EVIDENCE_COUNT; i++) {
		struct gd_reason reason = { (enum gd_evidence)i, 0.75 };
		bool is_share = strcmp(gd_words_evidence_unit(reason.evidence), "share") == 0;

		gd_words_evidence(&reason, text, sizeof(text));
		assert_words(text, LINE_MAX);
		/* Shares are said in per cent, nothing else is. */
		assert_int_equal(strstr(text, "75 %") != NULL, is_share);
		assert_int_equal(strchr(text, '%') != NULL, is_share);
	}
}

static void sentences_are_cut_where_there_is_no_room(void **state)
{
	struct gd_judged judged = judged_as(1, GD_VERDICT_COMPUTING, GD_ACTION_PROCESSES, true);
	struct gd_reason reason = { GD_EVIDENCE_COMPUTING, 1 };
	char text[8];

	(void)state;
	gd_words_headline(&judged, text, sizeof(text));
	assert_string_equal(text, "COMPUTI");
	gd_words_advice(&judged, &judged.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "use pro");
	gd_words_why(&judged, text, sizeof(text));
	assert_string_equal(text, "Threads");
	gd_words_evidence(&reason, text, sizeof(text));
	assert_string_equal(text, "computi");
}

static void a_lock_is_named_by_its_variable_or_its_address(void **state)
{
	static const struct gd_place variable = { .file = "", .function = "big_lock" };
	static const struct gd_place hostile = { .file = "", .function = "\033[2Jevil" };
	struct gd_lock_model lock = { .cause = GD_CAUSE_MUTEX, .key = 0x1230 };
	struct gd_judged judged = judged_as(0, GD_VERDICT_COMPUTING, GD_ACTION_FIX_LOCK, false);
	char text[200];

	(void)state;
	judged.facts.lock = &lock;
	judged.facts.lock_waiters = 2.5;
	gd_words_advice(&judged, &judged.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "fix the mutex at 0x1230: on average 2.5 threads wait for it");
	lock.variable = &variable;
	gd_words_advice(&judged, &judged.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "fix the mutex big_lock: on average 2.5 threads wait for it");
	lock.variable = &hostile;
	gd_words_advice(&judged, &judged.verdict.advice, text, sizeof(text));
	assert_null(strchr(text, '\033'));
	lock = (struct gd_lock_model){ .cause = GD_CAUSE_SEM, .key = 0x10 };
	judged.facts.is_python = true;
	gd_words_advice(&judged, &judged.verdict.advice, text, sizeof(text));
	assert_string_equal(text, "fix the lock at 0x10: on average 2.5 threads wait for it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_names_are_there_and_differ),
		cmocka_unit_test(the_states_of_a_gil_have_their_names),
		cmocka_unit_test(actions_have_the_names_of_the_contract),
		cmocka_unit_test(a_headline_leaves_room_for_its_confidence),
		cmocka_unit_test(headlines_say_what_was_measured),
		cmocka_unit_test(every_advice_is_a_line_and_has_its_reason),
		cmocka_unit_test(advice_speaks_the_language_of_the_program),
		cmocka_unit_test(a_gil_that_is_not_known_is_not_said_to_be_free),
		cmocka_unit_test(every_number_has_words_and_its_unit),
		cmocka_unit_test(sentences_are_cut_where_there_is_no_room),
		cmocka_unit_test(a_lock_is_named_by_its_variable_or_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
