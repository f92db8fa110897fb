from balancer.haproxy.stats import parse_servers_conn, parse_stat

# Cut from what HAProxy 2.8.25 answers, with the columns we use and some we do not.
STAT = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,econ,eresp,wretr,wredis,status,weight,type,rate,hrsp_1xx,\
hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,req_rate,qtime,ctime,rtime,ttime,addr,
http,FRONTEND,,,2,3,1000,9,700,800,,,,,OPEN,,0,1,0,5,0,1,0,4,,,,,,
live,one,3,4,4,4,4,7,500,600,1,2,3,1,UP,100,2,2,0,6,0,0,1,,20,1,61,83,127.0.0.1:8080,
live,BACKEND,3,4,4,4,100,7,500,600,1,2,3,1,UP,100,1,2,0,6,0,0,1,,20,1,61,83,,
"""
CONNECTIONS = """\
# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur
live/one 4/7 127.0.0.1 8080 - 5000 2 3 1 0 0 -1 5
"""


def test_a_server_row_is_typed_and_its_times_are_seconds() -> None:
    frontend, server, backend = parse_stat(STAT)
    assert (frontend.kind, server.kind, backend.kind) == ("frontend", "server", "backend")
    assert (server.proxy, server.name, server.status, server.address) == ("live", "one", "UP", "127.0.0.1:8080")
    assert (server.current_sessions, server.queued, server.maxconn, server.sessions) == (4, 3, 4, 7)
    assert (server.queue_s, server.connect_s, server.response_s, server.total_s) == (0.020, 0.001, 0.061, 0.083)
    assert server.answers == (0, 6, 0, 0, 1)
    assert (server.connection_errors, server.response_errors, server.retries, server.redispatches) == (1, 2, 3, 1)
    assert (frontend.request_rate, server.request_rate) == (4, 2)


def test_a_server_is_idle_when_nothing_is_there_and_nothing_waits() -> None:
    assert not parse_stat(STAT)[1].idle
    assert not parse_stat(STAT.replace("live,one,3,4,4", "live,one,3,4,0"))[1].idle
    assert parse_stat(STAT.replace("live,one,3,4,4", "live,one,0,4,0"))[1].idle


def test_an_answer_that_is_no_table_has_no_rows() -> None:
    assert parse_stat("No such proxy.") == ()
    assert parse_stat("") == ()
    assert parse_servers_conn("") == ()
    assert parse_servers_conn("Can't find backend.\n") == ()


def test_connections_are_found_by_the_names_of_their_columns() -> None:
    (one,) = parse_servers_conn(CONNECTIONS)
    assert (one.backend, one.server, one.id, one.address, one.port) == ("live", "one", 7, "127.0.0.1", 8080)
    assert (one.used, one.idle) == (2, 5)
