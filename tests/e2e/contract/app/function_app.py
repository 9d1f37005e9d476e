"""The app of the HTTP contract suite: each function shows one behaviour of the host."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
ran: list[bool] = []


def told(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().hex(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.function_name("echo")
@app.route("echo/{id:int?}", methods=["GET", "POST", "OPTIONS"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    return told(req)


@app.function_name("threaded")
@app.route("threaded", methods=["POST"])
def threaded(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(f"{context.function_name} {len(context.invocation_id)}")


@app.function_name("cookies")
@app.route("cookies", methods=["GET"])
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse("ok")
    answer.headers.add("Set-Cookie", "first=1; Path=/; HttpOnly")
    answer.headers.add("Set-Cookie", "second=a:b")
    answer.headers.add("Set-Cookie", "ended=; Max-Age=0")
    answer.headers.add("Set-Cookie", "gone=1; Path=/; Secure; Partitioned")
    return answer


@app.function_name("headers")
@app.route("headers", methods=["GET"])
async def headers(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse("ok", status_code=201, headers={"Access-Control-Allow-Origin": "*"})
    answer.headers.add("X-Twice", "one")
    answer.headers.add("X-Twice", "two")
    return answer


@app.function_name("fails")
@app.route("fails", methods=["GET"])
async def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("secret detail")


@app.function_name("nothing")
@app.route("nothing", methods=["GET"])
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


@app.function_name("keyed")
@app.route("keyed", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.function_name("administered")
@app.route("administered", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def administered(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.function_name("tick")
@app.timer_trigger("timer", "0 0 0 1 1 *")
async def tick(timer: func.TimerRequest) -> None:
    ran.append(timer.past_due)


@app.function_name("ticked")
@app.route("ticked", methods=["GET"])
async def ticked(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(len(ran)))
