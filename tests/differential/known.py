"""Cases of the project that have another answer in a bundle, and why. docs/projects.md has the table for users."""

CARETS = "tracebacks of compiled code have lines, and no columns"
SUGGESTIONS = "errors of compiled code do not carry the name that was looked for, so nothing is suggested"

BUILTINS = "compiled code calls some built-in functions directly, not what was put in their place"
ABSTRACT = "the message about an abstract class has other words"
MESSAGES = "errors that few programs look for have other words, or another class"
IMPORT_NAME = "ImportError of a from-import in compiled code has no name"
LINES = "tracebacks of compiled code have one line for each call, and in a long statement perhaps a neighbour"
LOCALS = "a frame of compiled code that catches an exception has no variables"
DOCSTRINGS = "docstrings of compiled code keep their indentation, as before Python 3.13"
DECORATORS = "the source of a compiled function begins after its decorators"
ATTRIBUTES = "compiled modules and functions have attributes of Nuitka"
ORDER = "compiled code asks mappings by get in match"
IDENTITY = "equal literals are not always one object"
GET_DATA = "pkgutil.get_data in compiled code may return None"
PATHS = "compiled submodules are found whatever the path of their package says"
NO_CACHE = "no bytecode is written, and no module has a file of it"
RECORD = "packages do not list their files"
FOLDER = "the project's folder holds packages and bytecode too"
READ_ONLY = "the project's folder is read-only"
UMASK = "files are made for their user only"
PYTHON = "sys.executable has no --version"
NO_ENVIRONMENT = "there is no virtual environment, with its folders, programs and installers"
TUNED = "the process is tuned: garbage collection, stack, buffers"
SQLITE = "SQLite is the one of the bundle"
APPLICATION = "the bundle adds an application, and migrates in the process that then serves"
STATIC = "static files have the hash of their content in their names"
MASK = "hidden values are shown as eight stars"
LINKS = "links to files of the bundle lead to nothing for other programs, and hard links are copies"
REQUEST_THREADS = "requests are answered in threads, as with gunicorn --threads"
VARIABLES = "child processes find the data directory by a variable"
SERVER = "Granian reads and writes HTTP, not gunicorn"

KNOWN = {
    "builtins.monkey_builtin": BUILTINS,
    "classes.monkey_class_builtin": BUILTINS,
    "classes.abstract": ABSTRACT,
    "classes.abstract_msg": ABSTRACT,
    "errors.tb_positions": CARETS,
    "errors.caret": CARETS,
    "errors.name_error_suggestion": SUGGESTIONS,
    "errors.attr_error_name": SUGGESTIONS,
    "errors.kw_sugg": SUGGESTIONS,
    "language.closures.errors_of_nested_names": MESSAGES,
    "language.closures.read_only_attributes": MESSAGES,
    "language.groups.cause_is_class": MESSAGES,
    "language.groups.raise_nothing": MESSAGES,
    "language.introspection.pickle_errors": MESSAGES,
    "language.patterns.match_errors": MESSAGES,
    "language.protocols.class_cell_missing": MESSAGES,
    "language.protocols.super_errors": MESSAGES,
    "language.modules.circular_from": MESSAGES,
    "language.groups.from_import_errors": IMPORT_NAME,
    "language.groups.line_of_multi_line": LINES,
    "language.groups.reraised_lines": LINES,
    "language.groups.traceback_with_locals": LOCALS,
    "language.introspection.doctests": DOCSTRINGS,
    "language.introspection.source_lines": DECORATORS,
    "language.closures.attributes_of_function": ATTRIBUTES,
    "language.modules.module_dict": ATTRIBUTES,
    "language.patterns.match_mapping_get": ORDER,
    "language.patterns.identities": IDENTITY,
    "language.modules.get_data": GET_DATA,
    "language.modules.shadowed_by_path": PATHS,
    "language.modules.cached_name": NO_CACHE,
    "language.modules.written_module": NO_CACHE,
    "machine.system.python_flags": NO_CACHE,
    "language.modules.distribution_files": RECORD,
    "machine.files.top_folder_listed": FOLDER,
    "programs.project_as_working_folder": FOLDER,
    "language.modules.resources": FOLDER,
    "machine.files.copied": READ_ONLY,
    "machine.files.missing_files": READ_ONLY,
    "machine.files.new_folder_beside_the_project": READ_ONLY,
    "machine.files.read_only_project_file": READ_ONLY,
    "machine.files.written_beside_the_project": READ_ONLY,
    "machine.system.sqlite_in_the_project": READ_ONLY,
    "machine.files.umask": UMASK,
    "machine.processes.python_version": PYTHON,
    "machine.processes.which": NO_ENVIRONMENT,
    "machine.system.all_standard_modules_import": NO_ENVIRONMENT,
    "machine.system.odd_submodules": NO_ENVIRONMENT,
    "machine.system.purelib": NO_ENVIRONMENT,
    "machine.system.python_prefixes": NO_ENVIRONMENT,
    "machine.system.site_packages": NO_ENVIRONMENT,
    "machine.system.sysconfig_": NO_ENVIRONMENT,
    "machine.system.garbage": TUNED,
    "machine.system.stack_limit": TUNED,
    "machine.system.standard_streams": TUNED,
    "machine.system.sqlite_features": SQLITE,
    "framework.registry.app_order": APPLICATION,
    "framework.rendering.static_urls": STATIC,
    "framework.requests.settings_hidden": MASK,
    "habits.commands.environment_of_python": VARIABLES,
    "habits.links.hard_link_is_the_same_file": LINKS,
    "habits.links.link_used_by_a_program": LINKS,
    "habits.loading.variables_of_the_thread": REQUEST_THREADS,
    "http.chunked": SERVER,
    "http.cookies": SERVER,
    "http.error_middleware": SERVER,
    "http.head_raw_empty": SERVER,
    "http.meta": SERVER,
    "http.meta_post": SERVER,
    "http.multipart_chunked": SERVER,
    "http.odd_query": SERVER,
    "http.proxy_header": SERVER,
    "http.raw_not-modified": SERVER,
    "http.raw_status": SERVER,
    "http.raw_utf8": SERVER,
}

# Only with --preload always: the site is loaded once. A forked process has none of its threads.
THREADS = "the thread or program that was started while the site was loaded is none of this process"
FORKED = {
    "threads.consumer": THREADS,
    "threads.executor": THREADS,
    "threads.scheduler": THREADS,
    "threads.lock": THREADS,
    "threads.living": THREADS,
    "framework.registry.prepared_models": APPLICATION,
    "habits.loading.helper_process": THREADS,
    "habits.loading.listener_of_logs": THREADS,
    "habits.loading.loop_in_a_thread": THREADS,
    "habits.loading.same_process": THREADS,
    "habits.loading.threads_seen_by_name": THREADS,
    "habits.loading.waiting_thread": THREADS,
}
